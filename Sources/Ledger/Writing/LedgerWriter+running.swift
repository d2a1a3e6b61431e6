import Bytes
import Store
import Synchronization

extension LedgerWriter {
  /// The writer's thread: batch after batch, and while nothing comes, sleep.
  final class Running: @unchecked Sendable {
    private let core: Core
    /// Confined to the thread from here on.
    private let log: LedgerLog
    /// What the recovery has to say; written before anything else.
    private var notes: [LedgerEntry]
    private var refusedCount = 0

    init(core: Core, log: LedgerLog, notes: [LedgerEntry]) {
      self.core = core
      self.log = log
      self.notes = notes
    }

    func run() {
      while true {
        core.rounds.add(1, ordering: .releasing)
        let (lanes, controls, isClosed) = core.state.withLock { state in
          defer { state.waiting.removeAll() }
          return (state.lanes, state.waiting, state.isClosed)
        }
        let count = batch(lanes, controls)
        guard count == 0 else { continue }
        if isClosed {
          // The last chance to cut what a failed batch left, so that no refused entry stays.
          if !core.isHealthy.load(ordering: .relaxed) { probe() }
          for lane in lanes { lane.close() }
          return
        }
        // Unhealthy or with something to note: the next try comes by itself, also when nobody asks.
        let isWaiting = !notes.isEmpty || !core.isHealthy.load(ordering: .relaxed)
        core.signal.wait(milliseconds: isWaiting ? LedgerWriter.retryMilliseconds : nil)
        if isWaiting { probe() }
      }
    }

    /// One batch: gives the number of entries that it held, whatever became of them.
    private func batch(_ lanes: [LedgerLane], _ controls: [Core.Control]) -> Int {
      log.begin()
      let noted = addNotes()
      var count = controls.count
      for lane in lanes { count += lane.take(into: log) }
      let numbers = controls.map { log.add($0.members.span, usage: $0.usage) }
      guard count > 0 || (noted > 0 && core.isHealthy.load(ordering: .relaxed)) else { return 0 }
      let failure = commit()
      for lane in lanes { lane.settle(durable: failure == nil) }
      for (control, number) in zip(controls, numbers) {
        if let failure {
          control.completion(.failure(failure))
        } else if let number {
          control.completion(.success(number))
        } else {
          control.completion(.failure(.unwritable(reason: "it is too long or not one line")))
        }
      }
      if failure != nil { refusedCount += count }
      return count
    }

    /// Tries the disk with nothing but what there is to note.
    private func probe() {
      log.begin()
      if addNotes() > 0 { _ = commit() }
    }

    /// What has to be said before anything else: what the start found, and that there was a fault.
    private func addNotes() -> Int {
      var pending = notes
      if !core.isHealthy.load(ordering: .relaxed) {
        pending.append(
          LedgerEntry(
            event: "ledger.recovered", reason: core.fault.withLock { $0 },
            detail: [.init("entries_refused", String(refusedCount))]))
      }
      for note in pending {
        var members: [UInt8] = []
        note.encode(into: &members)
        _ = log.add(members.span, usage: .nothing)
      }
      return pending.count
    }

    private func commit() -> LedgerError? {
      do throws(LedgerError) {
        try log.commit()
        notes = []
        core.lastSequence.store(log.position.sequence, ordering: .releasing)
        if !core.isHealthy.load(ordering: .relaxed) {
          refusedCount = 0
          core.fault.withLock { $0 = nil }
          core.isHealthy.store(true, ordering: .releasing)
          core.told(nil)
        }
        return nil
      } catch {
        core.meter.failed()
        core.fault.withLock { $0 = error.description }
        if core.isHealthy.exchange(false, ordering: .acquiringAndReleasing) { core.told(error.description) }
        return error
      }
    }
  }
}

import Bytes
import Ledger
import Store
import Synchronization
import Telemetry

/// Sends the ledger's durable entries to somebody else, behind the writer and never in its way: it reads the files.
///
/// How far it came is kept in a file, written after the receiver has what was sent; a crash between the two sends some entries twice, none
/// never. A receiver that does not take them is tried again after 1, 2, 4... and at most 60 seconds. In memory is one batch.
final class LedgerStream: Sendable {
  static let batchEntries = 500
  static let batchBytes = 1 << 20
  static let idleMilliseconds = 500
  static let retryMillisecondsMaximum = 60_000

  /// What health tells of it.
  struct State: Sendable {
    var sentUpTo: UInt64 = 0
    /// Entries that are durable and not sent.
    var behind: UInt64 = 0
    /// Entries that were gone before they were sent: removed by retention, or lost.
    var missed: UInt64 = 0
    var fault: String?
  }

  let name: String
  private let ledgerFolder: String
  private let file: String
  private let lastSequence: @Sendable () -> UInt64
  private let makeSink: @Sendable () throws -> any StreamSink
  private let shared = Mutex(State())
  private let isStopped = Mutex(false)
  private let signal = WakeSignal()
  private let thread = Mutex<WorkerThread?>(nil)
  private let complaint: Complaint

  /// - Parameters:
  ///   - file: where its place is kept.
  ///   - lastSequence: the last durable entry.
  ///   - makeSink: called on the stream's thread.
  init(
    name: String, ledgerFolder: String, file: String, lastSequence: @escaping @Sendable () -> UInt64,
    makeSink: @escaping @Sendable () throws -> any StreamSink
  ) {
    self.name = name
    self.ledgerFolder = ledgerFolder
    self.file = file
    self.lastSequence = lastSequence
    self.makeSink = makeSink
    complaint = Complaint { fault in
      if let fault {
        Log.process.warning(
          "ledger.stream_failed", "the stream \(name) of the ledger: \(fault); it is tried again", ("stream", name))
      } else {
        Log.process.info("ledger.stream_goes_on", "the stream \(name) of the ledger goes on", ("stream", name))
      }
    }
  }

  var state: State {
    var state = shared.withLock { $0 }
    let last = lastSequence()
    state.behind = last > state.sentUpTo ? last - state.sentUpTo : 0
    state.fault = complaint.fault
    return state
  }

  /// Once.
  func start() {
    thread.withLock { $0 = WorkerThread { [self] in run() } }
  }

  /// What is under way is not waited for longer than the receiver's time limit.
  func stop() {
    beginToStop()
    join()
  }

  /// Nothing new is begun.
  func beginToStop() {
    isStopped.withLock { $0 = true }
    signal.wake()
  }

  /// Waits for what is under way.
  func join() {
    let worker = thread.withLock { worker in
      defer { worker = nil }
      return worker
    }
    worker?.join()
  }

  private func run() {
    var retryMilliseconds = 0
    while !isStopped.withLock({ $0 }) {
      do {
        try follow { retryMilliseconds = 0 }
      } catch {
        retryMilliseconds = min(Self.retryMillisecondsMaximum, max(1000, retryMilliseconds * 2))
        complaint.note("\(error)")
        signal.wait(milliseconds: retryMilliseconds)
      }
    }
  }

  /// Sends batch after batch until it is stopped.
  private func follow(_ succeeded: () -> Void) throws {
    let sink = try makeSink()
    var place = try readPlace()
    // Sent from a ledger that went further: what would come now are other entries under numbers that the receiver has.
    guard place.sequence <= lastSequence() else {
      throw LedgerError.rolledBack(
        reason:
          "entry \(place.sequence) was sent, and it ends at \(lastSequence()); restore it, or remove \(file) to send all there is"
      )
    }
    let follower = LedgerFollower(directory: ledgerFolder, from: place, durableSequence: lastSequence)
    note(place.sequence)
    while !isStopped.withLock({ $0 }) {
      let rows = try nextBatch(follower)
      guard let first = rows.first else {
        signal.wait(milliseconds: Self.idleMilliseconds)
        continue
      }
      try sink.send(rows)
      let missed = place.sequence > 0 && first.sequence > place.sequence ? first.sequence - place.sequence - 1 : 0
      place = follower.place
      try Files.write(Self.encoded(place), to: file)
      shared.withLock { $0.missed += missed }
      complaint.note(nil)
      note(place.sequence)
      succeeded()
    }
  }

  private func nextBatch(_ follower: LedgerFollower) throws -> [LedgerRow] {
    var rows: [LedgerRow] = []
    var bytes = 0
    while rows.count < Self.batchEntries, bytes < Self.batchBytes, let row = try follower.next() {
      rows.append(row)
      bytes += row.raw.count
    }
    return rows
  }

  private func note(_ sequence: UInt64) { shared.withLock { $0.sentUpTo = sequence } }

  /// A stream that is new begins with the first entry there is.
  private func readPlace() throws -> LedgerPlace {
    guard Files.exists(file) else { return .start }
    var reader = try ObjectReader(JSONDocument(Files.read(file), file: file).root)
    let sequence = try reader.integer("seq", in: 0...Int.max)
    let place = LedgerPlace(
      sequence: UInt64(sequence), segment: try reader.string("segment"), offset: try reader.integer("offset", in: 0...Int.max))
    try reader.finish()
    return place
  }

  private static func encoded(_ place: LedgerPlace) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("seq", Int(place.sequence))
    writer.field("segment", place.segment)
    writer.field("offset", place.offset)
    writer.endObject()
    return writer.bytes + [0x0A]
  }
}

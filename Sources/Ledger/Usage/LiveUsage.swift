import Bytes
import Identifiers
import Store
import Synchronization

/// What an entry counts as, said by whoever hands it to the ledger, so that nobody has to read it again for that.
public struct UsageMark: Sendable {
  /// No call of a known client.
  public static let nothing = UsageMark(raw: 0)
  /// Whoever counts has to read the entry.
  public static let unknown = UsageMark(raw: .max)

  fileprivate let raw: UInt64

  /// A call of a known client.
  ///
  /// - Parameters:
  ///   - slot: what `LiveUsage.slot` gave for client, API and operation; nil for `unknown`.
  ///   - status: the answer's, 100 to 799.
  ///   - isRefused: the gateway refused it; as the entry's `decision` says.
  public init(slot: UInt32?, status: Int, isRefused: Bool) {
    guard let slot, (100...799).contains(status) else { self = .unknown; return }
    // Succeeded, refused or failed (`UsageRow`), for each class of status.
    let outcome = isRefused ? 1 : status / 100 == 2 ? 0 : 2
    raw = UInt64(slot) * UInt64(LiveUsage.cellsPerSlot) + UInt64(status / 100 * 3 + outcome) + 1
  }

  private init(raw: UInt64) { self.raw = raw }

  fileprivate var cell: Int { Int(raw - 1) }
  fileprivate var isNothing: Bool { raw == 0 }
  fileprivate var isUnknown: Bool { raw == .max }
}

/// The usage of the entries that this process's writer has made durable, counted as they are written: to read and scan them again cost
/// an eighth of a call. It counts one stretch of the ledger after another; a stretch that is lost, or that holds an entry nobody can
/// tell of, is counted from the files instead, which is always right. Safe from any thread.
public final class LiveUsage: Sendable {
  /// Clients times operations that are called; beyond it calls are counted from the files.
  static let slotsMaximum = 65_536
  fileprivate static let cellsPerSlot = 24

  private struct Meaning: Hashable {
    var client: ClientID
    var api: String
    var operation: String
  }

  private struct Slots {
    var numbers: [Meaning: UInt32] = [:]
    var meanings: [Meaning] = []
  }

  private struct Stretch {
    var from: LedgerPosition
    var to: LedgerPosition
    /// Of the cells below, since 1970 UTC.
    var hour = 0
    var cells: [Int] = []
    /// The cells that are not 0.
    var touched: [Int] = []
    /// Of earlier hours.
    var rows: [UsageRow] = []
    var isUnknown = false
  }

  private let slots = Mutex(Slots())
  private let stretch: Mutex<Stretch>

  /// - Parameter position: the last entry that is durable now.
  init(at position: LedgerPosition) { stretch = Mutex(Stretch(from: position, to: position)) }

  /// The number for a client's calls to an operation; nil when there are too many.
  public func slot(client: ClientID, api: String, operation: String) -> UInt32? {
    let meaning = Meaning(client: client, api: api, operation: operation)
    return slots.withLock { slots in
      if let number = slots.numbers[meaning] { return number }
      guard slots.meanings.count < Self.slotsMaximum else { return nil }
      let number = UInt32(slots.meanings.count)
      slots.meanings.append(meaning)
      slots.numbers[meaning] = number
      return number
    }
  }

  /// A batch is durable, up to a position. On the writer's thread.
  ///
  /// - Parameter hour: of all its entries, since 1970 UTC.
  func add(_ marks: [UsageMark], hour: Int, to position: LedgerPosition) {
    stretch.withLock { stretch in
      stretch.to = position
      if stretch.hour != hour {
        finishHour(&stretch)
        stretch.hour = hour
      }
      for mark in marks where !mark.isNothing {
        guard !mark.isUnknown else { stretch.isUnknown = true; continue }
        let cell = mark.cell
        if cell >= stretch.cells.count {
          stretch.cells.append(contentsOf: repeatElement(0, count: cell + 1 - stretch.cells.count))
        }
        if stretch.cells[cell] == 0 { stretch.touched.append(cell) }
        stretch.cells[cell] += 1
      }
    }
  }

  /// What was counted since the last time, and forgets it. Nil when there is nothing, or when it has to be read from the files.
  func take() -> UsageBatch? {
    stretch.withLock { stretch in
      finishHour(&stretch)
      let batch = UsageBatch(rows: stretch.rows, from: stretch.from, to: stretch.to)
      let isUnknown = stretch.isUnknown
      stretch.from = stretch.to
      stretch.rows = []
      stretch.isUnknown = false
      return isUnknown || batch.from.sequence == batch.to.sequence ? nil : batch
    }
  }

  /// Turns the cells into rows.
  private func finishHour(_ stretch: inout Stretch) {
    guard !stretch.touched.isEmpty else { return }
    var places: [Int: Int] = [:]
    slots.withLock { slots in
      for cell in stretch.touched {
        let (count, kind) = (stretch.cells[cell], cell % Self.cellsPerSlot)
        stretch.cells[cell] = 0
        let key = cell / 3
        if places[key] == nil {
          let meaning = slots.meanings[cell / Self.cellsPerSlot]
          places[key] = stretch.rows.count
          stretch.rows.append(
            UsageRow(
              client: meaning.client, api: meaning.api, operation: meaning.operation, hour: stretch.hour, statusClass: kind / 3))
        }
        stretch.rows[places[key]!].add(count, outcome: kind % 3)
      }
    }
    stretch.touched.removeAll(keepingCapacity: true)
  }
}

extension UsageRow {
  fileprivate mutating func add(_ count: Int, outcome: Int) {
    calls += count
    switch outcome {
    case 0: succeeded += count
    case 1: refused += count
    default: failed += count
    }
  }
}

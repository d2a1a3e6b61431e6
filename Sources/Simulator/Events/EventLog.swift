import Bytes
import Synchronization

/// The events that were sent lately and what became of each, so that a test can say which were acknowledged. Safe from all threads.
final class EventLog: Sendable {
  struct Entry: Sendable {
    enum Outcome: String, Sendable {
      case waiting, delivered, failed
      /// The sink has said that it wants nothing more, or there was no room for it.
      case dropped
    }

    let event: CloudEvent
    let mode: CloudEvent.Mode
    /// The subscription, session or payment that it is of.
    let resource: String
    let number: String?
    var outcome = Outcome.waiting
    var attempts = 0
    /// What the sink answered last; nil when it did not.
    var status: Int?

    var json: JSON {
      [
        "id": .string(event.id), "type": .string(event.type), "time": .time(event.time), "subscriptionId": .string(resource),
        "phoneNumber": number.map(JSON.string), "mode": .string(mode.rawValue), "outcome": .string(outcome.rawValue),
        "attempts": .integer(attempts), "status": status.map(JSON.integer), "data": event.data,
      ]
    }
  }

  static let entriesMaximum = 10_000

  private struct Entries: Sendable {
    var first = 0
    var list: [Entry] = []
  }

  private let entries = Mutex(Entries())

  /// From the oldest on.
  var all: [Entry] { entries.withLock { $0.list } }

  /// - Returns: a number under which its end can be told.
  func add(_ entry: Entry) -> Int {
    entries.withLock { entries in
      entries.list.append(entry)
      // By quarters, so that not each new one moves all others.
      if entries.list.count > Self.entriesMaximum {
        let old = Self.entriesMaximum / 4
        entries.list.removeFirst(old)
        entries.first += old
      }
      return entries.first + entries.list.count - 1
    }
  }

  func update(_ number: Int, _ change: (inout Entry) -> Void) {
    entries.withLock { entries in
      let index = number - entries.first
      if entries.list.indices.contains(index) { change(&entries.list[index]) }
    }
  }

  func forget() {
    entries.withLock { entries in
      entries.first += entries.list.count
      entries.list = []
    }
  }
}

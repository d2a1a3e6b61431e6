import Bytes
import JOSE
import Synchronization
import Wire

/// Brings events to their sinks: those of one resource one after the other, each until the sink has taken it, a few times. In memory; what
/// waits at the end of the simulator is lost. Safe from all threads.
final class Outbox: Sendable {
  /// One event on its way.
  struct Parcel: Sendable {
    let event: CloudEvent
    let mode: CloudEvent.Mode
    let resource: String
    let number: String?
    let sink: EventSink
  }

  /// Of one resource.
  static let waitingMaximum = 10_000
  static let waitSecondsMaximum = 30.0

  /// The parcels of one resource, from the oldest on.
  private struct Line: Sendable {
    private var parcels: [(parcel: Parcel, entry: Int)] = []
    private var taken = 0

    var count: Int { parcels.count - taken }
    var entries: [Int] { parcels[taken...].map(\.entry) }

    mutating func append(_ parcel: Parcel, entry: Int) { parcels.append((parcel, entry)) }

    mutating func takeFirst() -> (Parcel, Int)? {
      guard taken < parcels.count else { return nil }
      defer {
        taken += 1
        // By halves, so that not each one moves all others.
        if taken * 2 > parcels.count {
          parcels.removeFirst(taken)
          taken = 0
        }
      }
      return parcels[taken]
    }
  }

  private struct Lines: Sendable {
    /// A line that is there has somebody who works on it.
    var waiting: [String: Line] = [:]
    /// Their sinks want nothing more.
    var closed: Set<String> = []
  }

  let log = EventLog()
  private let carrier: any EventCarrier
  private let attemptsMaximum: Int
  private let firstWaitSeconds: Double
  private let spawn: @Sendable (@escaping @Sendable () async -> Void) -> Void
  private let lines = Mutex(Lines())
  private let gone: @Sendable (_ resource: String) -> Void

  /// - Parameters:
  ///   - attemptsMaximum: 1 or more; each wait between them is twice the one before.
  ///   - spawn: begins work that is waited for by nobody.
  ///   - gone: is told of a resource whose sink answered 404 or 410.
  init(
    carrier: any EventCarrier, attemptsMaximum: Int, firstWaitSeconds: Double = 0.25,
    spawn: @escaping @Sendable (@escaping @Sendable () async -> Void) -> Void,
    gone: @escaping @Sendable (_ resource: String) -> Void
  ) {
    self.carrier = carrier
    self.attemptsMaximum = attemptsMaximum
    self.firstWaitSeconds = firstWaitSeconds
    self.spawn = spawn
    self.gone = gone
  }

  func put(_ parcel: Parcel) {
    let entry = log.add(.init(event: parcel.event, mode: parcel.mode, resource: parcel.resource, number: parcel.number))
    let (isTaken, isFirst) = lines.withLock { lines in
      guard !lines.closed.contains(parcel.resource), lines.waiting[parcel.resource]?.count ?? 0 < Self.waitingMaximum else {
        return (false, false)
      }
      let isFirst = lines.waiting[parcel.resource] == nil
      lines.waiting[parcel.resource, default: Line()].append(parcel, entry: entry)
      return (true, isFirst)
    }
    guard isTaken else { log.update(entry) { $0.outcome = .dropped }; return }
    if isFirst { spawn { [self] in await work(parcel.resource) } }
  }

  func forget() {
    lines.withLock { lines in
      for resource in lines.waiting.keys { lines.waiting[resource] = Line() }
      lines.closed = []
    }
    log.forget()
  }

  private func work(_ resource: String) async {
    while let (parcel, entry) = next(resource) {
      let outcome = await deliver(parcel, entry)
      log.update(entry) { $0.outcome = outcome.outcome }
      if outcome.isGone { close(resource) }
    }
  }

  private func next(_ resource: String) -> (Parcel, Int)? {
    lines.withLock { lines in
      if let first = lines.waiting[resource]?.takeFirst() { return first }
      lines.waiting[resource] = nil
      return nil
    }
  }

  private func deliver(_ parcel: Parcel, _ entry: Int) async -> (outcome: EventLog.Entry.Outcome, isGone: Bool) {
    guard let address = parcel.sink.address else { return (.failed, false) }
    let fields = parcel.event.fields(parcel.mode) + parcel.sink.authorization + [("x-correlator", Random.uuid())]
    let body = parcel.event.body(parcel.mode)
    for attempt in 1...attemptsMaximum {
      let response = try? await carrier.post(to: address, fields: fields, body: body)
      log.update(entry) {
        $0.attempts = attempt; $0.status = response?.status
      }
      switch response?.status {
      case let status? where (200..<300).contains(status): return (.delivered, false)
      case 404, 410: return (.failed, true)
      case nil, 408, 425, 429: break
      case let status? where status >= 500: break
      default: return (.failed, false)
      }
      guard attempt < attemptsMaximum else { break }
      let wait = response?.field("retry-after").flatMap(Double.init) ?? firstWaitSeconds * Double(1 << min(attempt - 1, 10))
      try? await Task.sleep(for: .seconds(min(max(0, wait), Self.waitSecondsMaximum)))
    }
    return (.failed, false)
  }

  private func close(_ resource: String) {
    let dropped = lines.withLock { lines in
      if lines.closed.count >= 100_000 { lines.closed = [] }
      lines.closed.insert(resource)
      let rest = lines.waiting[resource]?.entries ?? []
      lines.waiting[resource] = Line()
      return rest
    }
    for entry in dropped { log.update(entry) { $0.outcome = .dropped } }
    gone(resource)
  }
}

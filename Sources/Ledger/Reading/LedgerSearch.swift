import Bytes
import CLinux

/// Which entries a search gives. What is nil does not matter; what is given must all hold.
public struct LedgerFilter: Sendable {
  public var client: String?
  /// A pseudonym.
  public var subject: String?
  public var api: String?
  public var operation: String?
  public var event: String?
  /// One of these, where some are named.
  public var events: [String] = []
  public var decision: String?
  public var correlator: String?
  /// From this moment on, and before the other.
  public var from: Timestamp?
  public var to: Timestamp?
  /// Entries at most: the newest ones.
  public var limit: Int

  public init(
    client: String? = nil, subject: String? = nil, api: String? = nil, operation: String? = nil, event: String? = nil,
    decision: String? = nil, correlator: String? = nil, from: Timestamp? = nil, to: Timestamp? = nil, limit: Int = 100
  ) {
    self.client = client
    self.subject = subject
    self.api = api
    self.operation = operation
    self.event = event
    self.decision = decision
    self.correlator = correlator
    self.from = from
    self.to = to
    self.limit = limit
  }

  /// True when the entry has all that is asked for; the limit does not matter.
  public func matches(_ row: LedgerRow) -> Bool {
    func agrees(_ wanted: String?, _ found: String?) -> Bool { wanted == nil || wanted == found }
    let entry = row.entry
    return agrees(client, entry.clientID) && agrees(subject, entry.subject) && agrees(api, entry.api)
      && agrees(operation, entry.operation) && agrees(event, entry.event) && (events.isEmpty || events.contains(entry.event))
      && agrees(decision, entry.decision)
      && agrees(correlator, entry.correlator) && from.map { row.time >= $0 } ?? true && to.map { row.time < $0 } ?? true
  }

  /// Bytes that a line must contain to be worth parsing: what each wanted member looks like when it is encoded.
  ///
  /// Only members whose encoding has one form are taken: text without anything that some encoder might escape in its own way.
  var needles: [[UInt8]] {
    let members = [
      ("client_id", client), ("subject", subject), ("api", api), ("operation", operation), ("event", event),
      ("decision", decision), ("correlator", correlator),
    ]
    return members.compactMap { name, value in
      guard let value, value.utf8.allSatisfy(Self.isPlain) else { return nil }
      return Array("\"\(name)\":\"\(value)\"".utf8)
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x5F: true
    default: false
    }
  }
}

/// Answers questions about a ledger, newest segment first.
public struct LedgerSearch: Sendable {
  public let directory: String
  public let filter: LedgerFilter
  private let index: LedgerIndex?

  /// - Parameter index: finds subjects, clients, correlators, rare events and times without reading all; what it lacks is made. Nil reads.
  public init(directory: String, filter: LedgerFilter, index: LedgerIndex? = nil) {
    self.directory = directory
    self.filter = filter
    self.index = index
  }

  /// The newest matching entries, oldest of them first. Lines that are no entries are passed over: finding those is for
  /// `LedgerVerification`.
  public func run() throws(LedgerError) -> [LedgerRow] {
    guard filter.limit > 0 else { return [] }
    var portions: [[LedgerRow]] = []
    var count = 0
    let segments = try Segments.list(directory)
    for name in segments.reversed() {
      let rows = try search(name, isClosed: name != segments.last).newest(filter.limit - count)
      portions.append(rows)
      count += rows.count
      if count >= filter.limit { break }
    }
    return Array(portions.reversed().joined())
  }

  /// Every matching entry, oldest first, whatever the filter's limit, until the body says false.
  public func forEach(_ body: (LedgerRow) throws -> Bool) throws {
    let segments = try Segments.list(directory)
    for name in segments {
      guard try search(name, isClosed: name != segments.last).forEach(body) else { return }
    }
  }

  private func search(_ name: String, isClosed: Bool) throws(LedgerError) -> SegmentSearch {
    try SegmentSearch(directory: directory, name: name, filter: filter, index: index, isClosed: isClosed)
  }

  /// True when the needle stands in the line.
  static func contains(_ line: Span<UInt8>, _ needle: [UInt8]) -> Bool {
    // Sound: both buffers live through the call, which only reads them.
    unsafe line.withUnsafeBufferPointer { line in
      unsafe needle.withUnsafeBufferPointer { needle in
        unsafe passerelle_contains(line.baseAddress, line.count, needle.baseAddress, needle.count) == 1
      }
    }
  }
}

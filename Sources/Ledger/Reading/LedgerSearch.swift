import Bytes
import Glibc

/// Which entries a search gives. What is nil does not matter; what is given must all hold.
public struct LedgerFilter: Sendable {
  public var client: String?
  /// A pseudonym.
  public var subject: String?
  public var api: String?
  public var operation: String?
  public var event: String?
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

  func matches(_ row: LedgerRow) -> Bool {
    func agrees(_ wanted: String?, _ found: String?) -> Bool { wanted == nil || wanted == found }
    let entry = row.entry
    return agrees(client, entry.clientID) && agrees(subject, entry.subject) && agrees(api, entry.api)
      && agrees(operation, entry.operation) && agrees(event, entry.event) && agrees(decision, entry.decision)
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

/// Answers questions about a ledger by reading it, newest segment first.
public struct LedgerSearch: Sendable {
  public let directory: String
  public let filter: LedgerFilter

  public init(directory: String, filter: LedgerFilter) {
    self.directory = directory
    self.filter = filter
  }

  /// The newest matching entries, oldest of them first. Lines that are no entries are passed over: finding those is for
  /// `LedgerVerification`.
  public func run() throws(LedgerError) -> [LedgerRow] {
    guard filter.limit > 0 else { return [] }
    let needles = filter.needles
    var found: [LedgerRow] = []
    for name in try Segments.list(directory).reversed() {
      let rows = try search(name, needles, wanted: filter.limit - found.count)
      found.insert(contentsOf: rows, at: 0)
      if found.count >= filter.limit { break }
    }
    return found
  }

  private func search(_ name: String, _ needles: [[UInt8]], wanted: Int) throws(LedgerError) -> [LedgerRow] {
    let reader = try SegmentReader(directory: directory, name: name)
    var tape = JSONTape()
    var rows: [LedgerRow] = []
    while case .line = try reader.advance() {
      guard needles.allSatisfy({ Self.contains(reader.line, $0) }), (try? tape.parse(reader.line)) != nil,
        let row = LedgerRow(line: reader.line, tape: tape), filter.matches(row)
      else { continue }
      rows.append(row)
      // The newest stay; now and then, so that the cost of moving them is small.
      if rows.count >= 2 * wanted + 1024 { rows.removeFirst(rows.count - wanted) }
    }
    return Array(rows.suffix(wanted))
  }

  /// Looks for the needle behind each of its first bytes' places (all needles begin with a quote and a name).
  static func contains(_ line: Span<UInt8>, _ needle: [UInt8]) -> Bool {
    guard needle.count <= line.count else { return false }
    // Sound: both buffers live through the call, and each comparison stays within the line.
    return unsafe line.withUnsafeBufferPointer { line in
      unsafe needle.withUnsafeBufferPointer { needle in
        var place = 0
        let last = line.count - needle.count
        while place <= last {
          guard let hit = unsafe memchr(line.baseAddress! + place, Int32(needle[0]), last - place + 1) else { return false }
          place = unsafe UnsafeRawPointer(hit) - UnsafeRawPointer(line.baseAddress!)
          if unsafe memcmp(line.baseAddress! + place, needle.baseAddress!, needle.count) == 0 { return true }
          place += 1
        }
        return false
      }
    }
  }
}

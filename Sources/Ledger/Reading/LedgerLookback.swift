import Bytes
import Dispatch
import Synchronization

/// The newest entries that match, looked for backwards and within bounds: for questions of which there may be many, and whose
/// answer may be "as far as was looked".
public struct LedgerLookback: Sendable {
  public struct Finding: Sendable {
    /// Newest first.
    public var rows: [LedgerRow]
    /// Everything from this moment on was looked at; nil: the whole ledger.
    public var since: Timestamp?
  }

  /// Between two looks at the clock; a fraction of a second.
  static let portionBytes = 4 << 20
  /// Questions that may wait for their turn; one more is refused.
  static let waitingMaximum = 16

  // One at a time: however many ask, they take one thread and the disk once.
  private static let queue = DispatchQueue(label: "ledger look-back", qos: .utility)
  private static let waiting = Mutex(0)

  public let directory: String
  public let filter: LedgerFilter
  public let bytesMaximum: Int
  public let secondsMaximum: Int
  private let index: LedgerIndex?

  /// - Parameters:
  ///   - filter: its `limit` bounds the rows.
  ///   - bytesMaximum: of segments that are read for want of an index.
  ///   - index: asked for segments that are indexed already; none is made here.
  public init(directory: String, filter: LedgerFilter, bytesMaximum: Int, secondsMaximum: Int, index: LedgerIndex? = nil) {
    self.index = index
    self.directory = directory
    self.filter = filter
    self.bytesMaximum = bytesMaximum
    self.secondsMaximum = secondsMaximum
  }

  /// Looks on a thread of its own; the caller's loop goes on.
  ///
  /// - Throws: `LedgerError.overloaded` when too many wait.
  public func run() async throws -> Finding {
    let isTaken = Self.waiting.withLock { waiting in
      guard waiting < Self.waitingMaximum else { return false }
      waiting += 1
      return true
    }
    guard isTaken else { throw LedgerError.overloaded }
    defer { Self.waiting.withLock { $0 -= 1 } }
    return try await withCheckedThrowingContinuation { continuation in
      Self.queue.async { continuation.resume(with: Result { try look() }) }
    }
  }

  func look() throws(LedgerError) -> Finding {
    let deadline = ContinuousClock.now.advanced(by: .seconds(secondsMaximum))
    let needles = filter.needles
    var finding = Finding(rows: [], since: nil)
    var bytesLeft = bytesMaximum
    let segments = try Segments.list(directory)
    for name in segments.reversed() {
      if name != segments.last, try lookByIndex(name, &finding) {
        guard finding.rows.count <= filter.limit, ContinuousClock.now < deadline else { return cut(finding) }
        continue
      }
      var end = try SegmentReader(directory: directory, name: name).fileBytes
      while end > 0 {
        guard bytesLeft > 0, finding.rows.count < filter.limit, ContinuousClock.now < deadline else { return cut(finding) }
        let start = max(0, end - min(Self.portionBytes, bytesLeft))
        try look(name, start..<end, needles, &finding)
        bytesLeft -= end - start
        end = start
      }
    }
    guard finding.rows.count > filter.limit else {
      finding.since = nil
      return finding
    }
    return cut(finding)
  }

  /// False when the segment has no index.
  private func lookByIndex(_ name: String, _ finding: inout Finding) throws(LedgerError) -> Bool {
    let search = try SegmentSearch(directory: directory, name: name, filter: filter, index: index, isClosed: true, makes: false)
    guard let since = search.indexedSince else { return false }
    finding.rows += try search.newest(filter.limit + 1 - finding.rows.count).reversed()
    finding.since = since
    return true
  }

  private func cut(_ finding: Finding) -> Finding {
    guard finding.rows.count > filter.limit else { return finding }
    let rows = Array(finding.rows.prefix(filter.limit))
    return Finding(rows: rows, since: rows.last?.time)
  }

  /// The lines that begin in a portion of a segment.
  private func look(
    _ name: String, _ place: Range<Int>, _ needles: [[UInt8]], _ finding: inout Finding
  ) throws(LedgerError) {
    let reader = try SegmentReader(directory: directory, name: name, from: max(0, place.lowerBound - 1))
    var tape = JSONTape()
    var rows: [LedgerRow] = []
    var isFirst = true
    // From the byte before, to its newline: the line that the portion cuts in two belongs to the portion before.
    if place.lowerBound > 0 { _ = try reader.advance() }
    while case .line = try reader.advance(), reader.lineStart < place.upperBound {
      if isFirst, let frame = LedgerLine.frame(of: reader.line) {
        finding.since = Timestamp(rfc3339: reader.line.slice(frame.time).string()) ?? finding.since
        isFirst = false
      }
      guard needles.allSatisfy({ LedgerSearch.contains(reader.line, $0) }), (try? tape.parse(reader.line)) != nil,
        let row = LedgerRow(line: reader.line, tape: tape), filter.matches(row)
      else { continue }
      rows.append(row)
    }
    finding.rows += rows.reversed()
  }
}

import Bytes

/// The entries of one segment that match a filter, found by its index where it has one and by reading it where it has none.
struct SegmentSearch {
  let directory: String
  let name: String
  let filter: LedgerFilter
  private let indexes: LedgerIndex?
  /// Nil: the segment is read.
  private let index: SegmentIndex?

  /// - Parameters:
  ///   - index: the ledger's, or nil to read every segment.
  ///   - isClosed: another segment has begun after it. Only then an index can be of it.
  ///   - makes: makes the segment's index where it is missing; takes as long as reading it twice.
  init(
    directory: String, name: String, filter: LedgerFilter, index: LedgerIndex?, isClosed: Bool, makes: Bool = true
  ) throws(LedgerError) {
    self.directory = directory
    self.name = name
    self.filter = filter
    // Without a term or a time an index says nothing that the lines do not.
    let isWorthIt = !IndexTerm.terms(of: filter).isEmpty || filter.from != nil || filter.to != nil
    self.index = isClosed && isWorthIt ? try index?.opened(name, makes: makes) : nil
    indexes = makes ? index : nil
  }

  /// The earliest time in the segment, as its index has it; nil when it has none.
  var indexedSince: Timestamp? { index.map { Timestamp(microseconds: $0.header.earliest) } }

  /// The newest that match, oldest of them first.
  func newest(_ wanted: Int) throws(LedgerError) -> [LedgerRow] {
    guard wanted > 0 else { return [] }
    guard let index else { return try scanNewest(wanted) }
    do { return try newest(wanted, index) } catch {
      indexes?.replace(name)
      return try scanNewest(wanted)
    }
  }

  /// All that match, oldest first, until the body says false.
  ///
  /// - Returns: false when the body did.
  func forEach(_ body: (LedgerRow) throws -> Bool) throws -> Bool {
    guard let index else { return try scan(body) }
    var passed: UInt64 = 0
    do {
      let ordinals = try candidates(index)
      for place in 0..<ordinals.count {
        guard let row = try index.row(ordinals[place]), filter.matches(row) else { continue }
        guard try body(row) else { return false }
        passed = row.sequence
      }
      return true
    } catch is SegmentIndex.Damaged {
      indexes?.replace(name)
      return try scan { row in row.sequence <= passed ? true : try body(row) }
    }
  }

  private func newest(_ wanted: Int, _ index: SegmentIndex) throws(SegmentIndex.Damaged) -> [LedgerRow] {
    let ordinals = try candidates(index)
    var rows: [LedgerRow] = []
    var place = ordinals.count
    while place > 0, rows.count < wanted {
      place -= 1
      guard let row = try index.row(ordinals[place]), filter.matches(row) else { continue }
      rows.append(row)
    }
    return rows.reversed()
  }

  /// The candidates that are within the filter's time, where the segment is in the order of time.
  private func candidates(_ index: SegmentIndex) throws(SegmentIndex.Damaged) -> SegmentIndex.Slice {
    let header = index.header
    if let from = filter.from, header.latest < from.microseconds { return .none }
    if let to = filter.to, header.earliest >= to.microseconds { return .none }
    let all = try index.candidates(IndexTerm.terms(of: filter))
    guard header.isOrdered else { return SegmentIndex.Slice(all, 0..<all.count) }
    var range = 0..<all.count
    if let from = filter.from, header.earliest < from.microseconds {
      range = try all.partition { ordinal throws(SegmentIndex.Damaged) in try index.time(ordinal) < from }..<range.upperBound
    }
    if let to = filter.to, header.latest >= to.microseconds {
      let end = try all.partition { ordinal throws(SegmentIndex.Damaged) in try index.time(ordinal) < to }
      range = range.lowerBound..<max(range.lowerBound, end)
    }
    return SegmentIndex.Slice(all, range)
  }

  private static let portionBytes = 4 << 20

  /// From the end: a search for the last few of many ends soon.
  private func scanNewest(_ wanted: Int) throws(LedgerError) -> [LedgerRow] {
    var portions: [[LedgerRow]] = []
    var count = 0
    var end = try SegmentReader(directory: directory, name: name).fileBytes
    while end > 0, count < wanted {
      let start = max(0, end - Self.portionBytes)
      let rows = try scan(start..<end)
      portions.append(rows)
      count += rows.count
      end = start
    }
    return Array(portions.reversed().joined().suffix(wanted))
  }

  /// What matches of the lines that begin in a part of the segment.
  private func scan(_ place: Range<Int>) throws(LedgerError) -> [LedgerRow] {
    // From the byte before, to its newline: the line that the part cuts in two belongs to the part before.
    let reader = try SegmentReader(directory: directory, name: name, from: max(0, place.lowerBound - 1))
    let quick = QuickLook(filter)
    var tape = JSONTape()
    var rows: [LedgerRow] = []
    if place.lowerBound > 0 { _ = try reader.advance() }
    while case .line = try reader.advance(), reader.lineStart < place.upperBound {
      if let row = match(reader, quick, &tape) { rows.append(row) }
    }
    return rows
  }

  private func scan(_ body: (LedgerRow) throws -> Bool) throws -> Bool {
    let reader = try SegmentReader(directory: directory, name: name)
    let quick = QuickLook(filter)
    var tape = JSONTape()
    while case .line = try reader.advance() {
      if let row = match(reader, quick, &tape), try !body(row) { return false }
    }
    return true
  }

  private func match(_ reader: SegmentReader, _ quick: QuickLook, _ tape: inout JSONTape) -> LedgerRow? {
    guard quick.mayMatch(reader.line), (try? tape.parse(reader.line)) != nil,
      let row = LedgerRow(line: reader.line, tape: tape), filter.matches(row)
    else { return nil }
    return row
  }
}

/// What can be said of a line without reading it as JSON: enough to pass over nearly all that do not match.
private struct QuickLook {
  private let needles: [[UInt8]]
  private let from: [UInt8]?
  private let to: [UInt8]?

  init(_ filter: LedgerFilter) {
    needles = filter.needles
    from = filter.from.map { Array($0.rfc3339.utf8) }
    to = filter.to.map { Array($0.rfc3339.utf8) }
  }

  /// False only when the filter does not match.
  func mayMatch(_ line: Span<UInt8>) -> Bool {
    guard from == nil && to == nil || isWithin(line) else { return false }
    return needles.allSatisfy { LedgerSearch.contains(line, $0) }
  }

  /// Times in the form that the writer gives them are in the order of their bytes.
  private func isWithin(_ line: Span<UInt8>) -> Bool {
    guard let frame = LedgerLine.frame(of: line) else { return false }
    let time = line.slice(frame.time)
    guard time[time.count - 1] == 0x5A else { return true }
    if let from, from.count == time.count, Self.isBefore(time, from.span) { return false }
    if let to, to.count == time.count, !Self.isBefore(time, to.span) { return false }
    return true
  }

  private static func isBefore(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
    for index in 0..<one.count where one[index] != other[index] { return one[index] < other[index] }
    return false
  }
}

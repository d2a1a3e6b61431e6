import Bytes
import JOSE
import Store

/// Checks a ledger from its first byte to its last: numbers, chain, frames, segments, and whether its end is still there.
public enum LedgerVerification {
  /// What was found. `isIntact` is the answer; `fault` is the first place where it is not.
  public struct Report: Sendable, Equatable {
    /// Good entries, up to the fault.
    public var entryCount: UInt64 = 0
    public var segmentCount = 0
    /// What says that the beginning was removed on purpose; the entries after it were checked.
    public var retention: RetentionMark?
    /// The last good entry.
    public var head = LedgerPosition.start
    public var fault: Fault?
    /// Repairs and refusals that the ledger tells of itself, and what could not be checked. Not faults.
    public var notes: [String] = []

    public var isIntact: Bool { fault == nil }
  }

  /// Where and why a ledger is not what it was.
  public struct Fault: Sendable, Equatable, CustomStringConvertible {
    public var segment: String
    /// From 1; 0 when it is about the segment as a whole.
    public var line: Int
    /// The entry that is affected.
    public var sequence: UInt64
    public var reason: String

    public var description: String {
      line == 0 ? "\(segment): \(reason)" : "\(segment): line \(line) (entry \(sequence)): \(reason)"
    }
  }

  /// Reads everything. Good beside a living writer.
  /// - Parameter expected: places that were noted earlier and kept elsewhere (`UsageStore.position()`, a copy of `head.json`):
  ///   the ledger must still hold each of these entries as it was. Only they show a ledger that was rolled back as a whole.
  /// - Parameter key: the audit key, for the mark of what was removed by retention; without it no beginning may be missing.
  /// - Throws: `LedgerError` when the directory cannot be read at all.
  public static func verify(
    directory: String, expected: [LedgerPosition] = [], key: VerificationKey? = nil
  ) throws(LedgerError) -> Report {
    // The head first: a living writer only moves it forward.
    let head = LedgerHead.read(directory)
    var walk = Walk(head: head, expected: (head.map { [$0] } ?? []) + expected.filter { $0.sequence > 0 })
    var segments = try Segments.list(directory)
    if let key { walk.begin(RetentionMark.read(directory, key: key), &segments) }
    walk.report.segmentCount = segments.count
    for (index, name) in segments.enumerated() {
      try walk.read(directory, name, isLast: index == segments.count - 1)
      if walk.report.fault != nil { return walk.report }
    }
    walk.finish(segments)
    return walk.report
  }

  /// The walk over all lines.
  private struct Walk {
    var report = Report()
    let head: LedgerPosition?
    private let expected: [UInt64: [Digest32]]
    private var line = 0
    private var segment = ""
    private var tape = JSONTape()

    init(head: LedgerPosition?, expected: [LedgerPosition]) {
      self.head = head
      var places: [UInt64: [Digest32]] = [:]
      for place in expected { places[place.sequence, default: []].append(place.hash) }
      self.expected = places
    }

    /// Begins behind what was removed by retention. Segments that a run which was interrupted has given up are no part of the ledger
    /// any more.
    mutating func begin(_ found: RetentionMark.Found, _ segments: inout [String]) {
      switch found {
      case .none: return
      case .forged:
        segment = RetentionMark.fileName
        segments = []
        fault(0, 1, RetentionMark.forgedReason)
      case .mark(let mark):
        report.retention = mark
        report.head = LedgerPosition(sequence: mark.last, segment: mark.segment, offset: 0, hash: mark.hash)
        let leftover = segments.count { (Segments.firstSequence(of: $0) ?? .max) <= mark.last }
        segments.removeFirst(leftover)
        if leftover > 0 { report.notes.append("\(leftover) segments up to entry \(mark.last) are to be removed by retention") }
      }
    }

    mutating func read(_ directory: String, _ name: String, isLast: Bool) throws(LedgerError) {
      let reader = try SegmentReader(directory: directory, name: name)
      let next = report.head.sequence + 1
      let lineBefore = line
      let segmentBefore = segment
      (segment, line) = (name, 0)
      guard Segments.firstSequence(of: name) == next else {
        return fault(0, next, "the segment with entry \(next) is missing: this one promises to begin with another")
      }
      while true {
        switch try reader.advance() {
        case .line:
          line += 1
          if line == 1, !followsBoundary(reader, segmentBefore, lineBefore) { return }
          check(reader)
          if report.fault != nil { return }
        case .overlong:
          return unfinished(reader.fileBytes - reader.lineEnd, isLast)
        case .end(let unfinishedBytes):
          if unfinishedBytes > 0 { unfinished(unfinishedBytes, isLast) }
          return
        }
      }
    }

    /// A broken link between two segments is a fault of the last line of the one before, if it ever had another.
    private mutating func followsBoundary(_ reader: SegmentReader, _ segmentBefore: String, _ lineBefore: Int) -> Bool {
      guard let frame = LedgerLine.frame(of: reader.line), frame.sequence == report.head.sequence + 1,
        !LedgerLine.follows(reader.line, frame, report.head.hash), lineBefore > 0
      else { return true }
      report.fault = Fault(
        segment: segmentBefore, line: lineBefore, sequence: report.head.sequence,
        reason: "its bytes are not those that entry \(frame.sequence) follows from: one of the two was altered")
      return false
    }

    private mutating func check(_ reader: SegmentReader) {
      let expectedSequence = report.head.sequence + 1
      guard let frame = LedgerLine.frame(of: reader.line) else {
        return unreadable(reader, expectedSequence, "it is not an entry")
      }
      guard frame.sequence == expectedSequence else {
        return fault(line, expectedSequence, "entry \(expectedSequence) was expected here, and \(frame.sequence) found")
      }
      guard LedgerLine.follows(reader.line, frame, report.head.hash) else {
        guard line > 1 else { return fault(line, frame.sequence, "it does not begin the chain, or was altered") }
        report.entryCount -= 1
        return fault(
          line - 1, report.head.sequence,
          "its bytes are not those that entry \(frame.sequence) follows from: one of the two was altered")
      }
      do throws(JSONSyntaxError) { try tape.parse(reader.line) } catch {
        return unreadable(reader, frame.sequence, "it is not JSON: \(error)")
      }
      guard Timestamp(rfc3339: reader.line.slice(frame.time).string()) != nil else {
        return unreadable(reader, frame.sequence, "it has no time")
      }
      let hash = SHA256.digest(reader.line)
      if let wanted = expected[frame.sequence], !wanted.allSatisfy({ $0 == hash }) {
        return fault(line, frame.sequence, "it is another entry than the one that was noted under this number")
      }
      report.entryCount += 1
      report.head = LedgerPosition(sequence: frame.sequence, segment: segment, offset: reader.lineEnd, hash: hash)
      note(reader)
    }

    /// Entries in which the ledger tells of itself.
    private mutating func note(_ reader: SegmentReader) {
      guard let event = tape.member("event", of: 0, in: reader.line), report.notes.count < 1000,
        let name = tape.string(event, in: reader.line), name.hasPrefix("ledger."), name != "ledger.sealed"
      else { return }
      let row = LedgerRow(line: reader.line, tape: tape)
      let detail = row?.entry.detail.map { "\($0.key) \($0.value)" }.joined(separator: ", ") ?? ""
      report.notes.append("entry \(report.head.sequence): \(name)\(detail.isEmpty ? "" : ": " + detail)")
    }

    /// A line that is none: behind the last durable entry it is what a crash left, or a batch that is being written.
    private mutating func unreadable(_ reader: SegmentReader, _ sequence: UInt64, _ reason: String) {
      fault(line, sequence, reason)
    }

    private mutating func unfinished(_ byteCount: Int, _ isLast: Bool) {
      let next = report.head.sequence + 1
      guard isLast else { return fault(line + 1, next, "it has no end, and another segment follows") }
      if let head, report.head.sequence < head.sequence {
        return fault(line + 1, next, "it has no end, although it was durable")
      }
      report.notes.append(
        "\(segment): \(byteCount) bytes at the end are no entry (a crash, or a batch being written); the next start cuts and notes them"
      )
    }

    mutating func finish(_ segments: [String]) {
      guard report.fault == nil else { return }
      let last = expected.keys.max() ?? 0
      if last > report.head.sequence {
        return fault(
          line, report.head.sequence, "entries \(report.head.sequence + 1) to \(last) were removed from the end")
      }
      if head == nil, report.entryCount > 0 {
        report.notes.append("head.json is missing or unreadable: entries removed from the end could go unnoticed")
      }
    }

    private mutating func fault(_ line: Int, _ sequence: UInt64, _ reason: String) {
      report.fault = Fault(segment: segment.isEmpty ? "(no segment)" : segment, line: line, sequence: sequence, reason: reason)
    }
  }
}

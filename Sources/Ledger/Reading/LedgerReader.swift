import Bytes
import JOSE
import Store

/// Streams a ledger from a place on, over all its segments, and checks the chain as it goes: what does not follow from the
/// entry before is an error, never an entry.
///
/// Good beside a living writer: an end that is not finished yet is the end for now, and `next` can be called again later.
/// Belongs to one thread at a time.
public final class LedgerReader {
  public let directory: String
  /// Behind the entry that `next` gave last.
  public private(set) var position: LedgerPosition
  private let isTrusting: Bool
  private var segment: SegmentReader?
  private var frame: LedgerLine.Frame?
  private var hasRead = false

  /// - Throws: `LedgerError.rolledBack` when the ledger has another entry, or none, at the place.
  /// - Parameter isTrusting: numbers and the hash of the place are checked, and lines are not digested again: for who reads what this
  ///   program has just written, and leaves it to verification to find what was altered since. `position` then has a hash after
  ///   `settle` only.
  public init(directory: String, from position: LedgerPosition = .start, isTrusting: Bool = false) throws(LedgerError) {
    self.directory = directory
    self.isTrusting = isTrusting
    self.position = position
    guard position.sequence > 0, try !Self.isAtRemovedEnd(directory, position) else { return }
    do throws(LedgerError) {
      let reader = try SegmentReader(directory: directory, name: position.segment, from: position.offset)
      guard let line = try reader.lineEnding(at: position.offset), line.sequence == position.sequence,
        line.hash == position.hash
      else { throw LedgerError.rolledBack(reason: "entry \(position.sequence) is missing or another one than it was") }
      segment = reader
    } catch {
      if case .rolledBack = error { throw error }
      throw .rolledBack(reason: "entry \(position.sequence) cannot be read any more: \(error)")
    }
  }

  /// True when the segment of the place was removed by retention, or given up by it, and the place was its end: the next segment says by
  /// its first entry whether it follows.
  private static func isAtRemovedEnd(_ directory: String, _ position: LedgerPosition) throws(LedgerError) -> Bool {
    var segments = try Segments.list(directory)
    // A place without an offset is that of a mark: what the mark has given up is no part of the ledger, whether its files went yet or not.
    if position.offset == 0 { segments.removeAll { (Segments.firstSequence(of: $0) ?? .max) <= position.sequence } }
    guard let first = segments.first, !segments.contains(position.segment) else { return false }
    return Segments.firstSequence(of: first) == position.sequence + 1
  }

  /// Goes to the next entry; false when there is none up to this number, now.
  public func next(upTo last: UInt64 = .max) throws(LedgerError) -> Bool {
    guard position.sequence < last else { return false }
    while true {
      if let segment {
        switch try segment.advance() {
        case .line:
          try accept(segment)
          return true
        case .overlong: throw malformed(segment, "a line without an end")
        case .end(let unfinished):
          guard let following = try following(segment.name) else { return false }
          // The next segment exists, so this one grows no more; but it may have grown since the look above.
          if case .line = try segment.advance() {
            try accept(segment)
            return true
          }
          guard unfinished == 0 else { throw malformed(segment, "an unfinished line before the next segment") }
          self.segment = following
        }
      } else {
        guard let first = try following(position.segment) else { return false }
        segment = first
      }
    }
  }

  /// The present entry's line, without its newline; good until `next`.
  public var line: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      guard let segment else { return Span() }
      return unsafe _overrideLifetime(segment.line, borrowing: self)  // sound: only self moves its segment on
    }
  }

  /// The present entry's time.
  public var time: Timestamp? {
    guard let frame else { return nil }
    return Timestamp(rfc3339: line.slice(frame.time).string())
  }

  /// Where the present entry's time lies in its line.
  var timePlace: ByteRange { frame?.time ?? ByteRange(start: 0, count: 0) }
  /// Where the present entry's members lie in its line.
  var members: ByteRange { frame?.members ?? ByteRange(start: 0, count: 0) }

  private func accept(_ segment: SegmentReader) throws(LedgerError) {
    guard let frame = LedgerLine.frame(of: segment.line) else { throw malformed(segment, "not an entry") }
    // Where the beginning was removed by retention, the reader begins with what is left; verification says whether it may be missing.
    if position == .start, let first = Segments.firstSequence(of: segment.name), first > 1, frame.sequence == first,
      let hash = Hex.decode(segment.line.slice(frame.previous).string()).flatMap({ Digest32(bytes: $0) })
    {
      position = LedgerPosition(sequence: first - 1, segment: "", offset: 0, hash: hash)
    }
    guard frame.sequence == position.sequence + 1 else {
      throw malformed(segment, "entry \(position.sequence + 1) was expected and \(frame.sequence) found")
    }
    let isUnknown = isTrusting && hasRead
    guard isUnknown || LedgerLine.follows(segment.line, frame, position.hash) else {
      throw malformed(segment, "entry \(frame.sequence) does not follow from the one before it")
    }
    self.frame = frame
    hasRead = true
    position = LedgerPosition(
      sequence: frame.sequence, segment: segment.name, offset: segment.lineEnd,
      hash: isTrusting ? position.hash : SHA256.digest(segment.line))
  }

  /// Gives the position of the present entry its hash, where lines are not digested by themselves.
  func settle() {
    if isTrusting, hasRead { position.hash = SHA256.digest(line) }
  }

  private func following(_ name: String) throws(LedgerError) -> SegmentReader? {
    guard let next = try Segments.list(directory).first(where: { Segments.isAfter($0, name) }) else { return nil }
    return try SegmentReader(directory: directory, name: next)
  }

  private func malformed(_ segment: SegmentReader, _ reason: String) -> LedgerError {
    .malformed(segment: segment.name, offset: segment.lineStart, reason: reason)
  }
}

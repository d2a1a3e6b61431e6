import Bytes
import Glibc
import Store

/// Where somebody who follows a ledger has come to: behind an entry. Nothing is proved by it; that is for `LedgerVerification`.
public struct LedgerPlace: Sendable, Equatable {
  public var sequence: UInt64
  /// Empty: before the first segment.
  public var segment: String
  /// The byte behind the entry's newline.
  public var offset: Int

  public static let start = LedgerPlace(sequence: 0, segment: "", offset: 0)

  public init(sequence: UInt64, segment: String, offset: Int) {
    self.sequence = sequence
    self.segment = segment
    self.offset = offset
  }

  /// Behind the last durable entry, as `head.json` has it.
  public static func end(of directory: String) -> LedgerPlace {
    LedgerHead.read(directory).map { LedgerPlace(sequence: $0.sequence, segment: $0.segment, offset: $0.offset) } ?? .start
  }
}

/// Gives the durable entries of a ledger as they come, over all its segments, without disturbing its writer. Lines that are no entries are
/// passed over, and so are segments that are not there any more. Belongs to one thread at a time.
public final class LedgerFollower {
  private let directory: String
  private let durableSequence: () -> UInt64
  /// Behind the entry that `next` gave last.
  public private(set) var place: LedgerPlace
  private var segment: SegmentReader?
  /// What was durable when the segment was opened. Its reader reads ahead: a line behind this one may have been cut since, and another
  /// written in its place, and is read from the file again.
  private var durable: UInt64 = 0
  private var tape = JSONTape()

  /// - Parameter durableSequence: the last entry that is durable; what `head.json` says, unless the writer itself is there to be asked.
  public init(directory: String, from place: LedgerPlace, durableSequence: (() -> UInt64)? = nil) {
    self.directory = directory
    self.place = place
    self.durableSequence = durableSequence ?? { LedgerHead.read(directory)?.sequence ?? 0 }
  }

  /// The next entry; nil when there is none now. Call it again later.
  ///
  /// - Throws: `LedgerError.cannotOpen` when the folder or a segment cannot be read.
  public func next() throws(LedgerError) -> LedgerRow? {
    if place.sequence >= durable {
      // In this order: what is read from here on is read after it was asked what is durable.
      segment = nil
      durable = durableSequence()
    }
    if let row = try nextDurable() { return row }
    // Whatever is missing up to there is looked for again the next time.
    (segment, durable) = (nil, 0)
    return nil
  }

  private func nextDurable() throws(LedgerError) -> LedgerRow? {
    while place.sequence < durable {
      guard let segment = try opened() else { return nil }
      switch try segment.advance() {
      case .line:
        // An entry that was given, or that stands where another ledger's entries stood, is not given (again).
        guard let frame = LedgerLine.frame(of: segment.line), frame.sequence > place.sequence,
          (try? tape.parse(segment.line)) != nil, let row = LedgerRow(line: segment.line, tape: tape)
        else { continue }
        // Numbers were left out, and this one may still be taken back.
        guard frame.sequence <= durable else { return nil }
        place = LedgerPlace(sequence: frame.sequence, segment: segment.name, offset: segment.lineEnd)
        return row
      case .end, .overlong:
        guard try goOn(from: segment) else { return nil }
      }
    }
    return nil
  }

  private func opened() throws(LedgerError) -> SegmentReader? {
    if let segment { return segment }
    // The usual case, without a look at a folder that may be long.
    if !place.segment.isEmpty, let reader = try? SegmentReader(directory: directory, name: place.segment, from: place.offset) {
      segment = reader
      return reader
    }
    let segments = try Segments.list(directory)
    if segments.contains(place.segment) {
      segment = try SegmentReader(directory: directory, name: place.segment, from: place.offset)
    } else if let next = segments.first(where: { Segments.isAfter($0, place.segment) }) {
      segment = try SegmentReader(directory: directory, name: next)
    }
    return segment
  }

  /// To the next segment, when there is one; false when this one is the newest.
  private func goOn(from old: SegmentReader) throws(LedgerError) -> Bool {
    guard let next = try Segments.list(directory).first(where: { Segments.isAfter($0, old.name) }) else { return false }
    // It grows no more, but it may have grown since its end was seen.
    let rest = try SegmentReader(directory: directory, name: old.name, from: old.lineEnd)
    if case .line = try rest.advance() {
      segment = try SegmentReader(directory: directory, name: old.name, from: old.lineEnd)
      return true
    }
    segment = try SegmentReader(directory: directory, name: next)
    return true
  }
}

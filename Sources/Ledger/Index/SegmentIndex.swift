import Bytes
import Glibc
import JOSE

/// The index of one closed segment, open for reading. Belongs to one thread at a time.
///
/// It says where to look and nothing else: each line that it leads to is read from the segment and judged by itself, and what the index
/// says is covered by digests up to a MAC. It can therefore neither invent an entry, nor change one, nor hide one from whoever has the key.
/// Every call throws `Damaged` when it is not what was written; the segment is then read without it.
final class SegmentIndex {
  struct Damaged: Error {}

  let header: IndexHeader
  private let segment: SegmentReader
  private let file: Descriptor
  private let directory: [UInt8]
  /// The block that was read last: its lines, back to back with their newlines.
  private var block: (number: Int, bytes: [UInt8])?

  private final class Descriptor {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    deinit { close(number) }

    func bytes(at offset: Int, count: Int) -> [UInt8]? {
      var bytes = [UInt8](repeating: 0, count: count)
      var done = 0
      while done < count {
        // Sound: the array has room for what is left of it.
        let read = unsafe bytes.withUnsafeMutableBytes {
          unsafe pread(number, $0.baseAddress! + done, count - done, offset + done)
        }
        if read < 0, errno == EINTR { continue }
        guard read > 0 else { return nil }
        done += read
      }
      return bytes
    }
  }

  /// Nil when there is none, or when it is not of the segment as it is now.
  ///
  /// - Throws: `LedgerError` when the segment cannot be read.
  init?(directory: String, segment name: String, key: HMACKey) throws(LedgerError) {
    let descriptor = open(IndexFormat.path(directory, segment: name), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    file = Descriptor(descriptor)
    var status = stat()
    guard fstat(descriptor, &status) == 0, let bytes = file.bytes(at: 0, count: IndexHeader.byteCount),
      let header = IndexHeader(bytes, key: key), header.first == Segments.firstSequence(of: name),
      Int(status.st_size) == header.fileBytes,
      let table = file.bytes(at: header.directoryOffset, count: header.directoryBytes),
      SHA256.digest(table) == header.directoryDigest
    else { return nil }
    self.header = header
    self.directory = table
    segment = try SegmentReader(directory: directory, name: name)
    let lastLine = try segment.bytes(from: header.lastLineStart, to: header.segmentBytes)
    guard segment.fileBytes == header.segmentBytes, lastLine.last == LedgerLine.newline,
      SHA256.digest(lastLine.span.extracting(0..<lastLine.count - 1)) == header.lastLineHash
    else { return nil }
  }

  /// Entries of the segment that may match: those that have all the terms, in order. All of them when there are no terms.
  func candidates(_ terms: [IndexTerm]) throws(Damaged) -> Candidates {
    guard let first = terms.first else { return .all(count: header.entryCount) }
    var common = try ordinals(first)
    for term in terms.dropFirst() where !common.isEmpty {
      let others = try ordinals(term)
      common = Self.intersection(common, others)
    }
    return .some(common)
  }

  /// Places of entries in their segment, from 0.
  enum Candidates {
    case all(count: Int)
    case some([UInt32])

    var count: Int {
      switch self {
      case .all(let count): count
      case .some(let ordinals): ordinals.count
      }
    }

    subscript(index: Int) -> Int {
      switch self {
      case .all: index
      case .some(let ordinals): Int(ordinals[index])
      }
    }

    /// The first index for which the condition does not hold; it holds for all before and for none after.
    func partition(_ isBefore: (Int) throws(Damaged) -> Bool) throws(Damaged) -> Int {
      var (low, high) = (0, count)
      while low < high {
        let middle = (low + high) / 2
        if try isBefore(self[middle]) { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  /// Some candidates in a row.
  struct Slice {
    static let none = Slice(.some([]), 0..<0)
    private let candidates: Candidates
    private let range: Range<Int>

    init(_ candidates: Candidates, _ range: Range<Int>) {
      self.candidates = candidates
      self.range = range
    }

    var count: Int { range.count }
    subscript(index: Int) -> Int { candidates[range.lowerBound + index] }
  }

  private func ordinals(_ term: IndexTerm) throws(Damaged) -> [UInt32] {
    let (low, high) = (term.record(0), term.record(.max))
    // A bucket holds whole terms: it is chosen by fewer bits than a term has.
    let bucket = IndexFormat.bucket(of: low, bits: header.bucketBits)
    let start = bucket == 0 ? 0 : Int(IndexFormat.word(directory, at: (bucket - 1) * IndexFormat.directoryEntryBytes))
    let place = bucket * IndexFormat.directoryEntryBytes
    let end = Int(IndexFormat.word(directory, at: place))
    guard start <= end, end <= header.recordCount, start < end else {
      if start == end { return [] }
      throw Damaged()
    }
    guard let bytes = file.bytes(at: header.recordsOffset + start * 8, count: (end - start) * 8),
      SHA256.digest(bytes).bytes[..<IndexFormat.digestBytes] == directory[(place + 8)..<(place + 8 + IndexFormat.digestBytes)]
    else { throw Damaged() }
    func record(_ index: Int) -> UInt64 { IndexFormat.word(bytes, at: index * 8) }
    var (from, to) = (0, end - start)
    while from < to {
      let middle = (from + to) / 2
      if record(middle) < low { from = middle + 1 } else { to = middle }
    }
    var found: [UInt32] = []
    while from < end - start, record(from) <= high {
      found.append(UInt32(truncatingIfNeeded: record(from)))
      from += 1
    }
    return found
  }

  private static func intersection(_ one: [UInt32], _ other: [UInt32]) -> [UInt32] {
    var common: [UInt32] = []
    var (i, j) = (0, 0)
    while i < one.count, j < other.count {
      if one[i] < other[j] {
        i += 1
      } else if one[i] > other[j] {
        j += 1
      } else {
        common.append(one[i])
        (i, j) = (i + 1, j + 1)
      }
    }
    return common
  }

  /// The line of an entry, without its newline.
  func line(_ ordinal: Int) throws(Damaged) -> ArraySlice<UInt8> {
    let number = ordinal / IndexFormat.linesPerBlock
    if block?.number != number { block = (number, try readBlock(number)) }
    guard let bytes = block?.bytes,
      let place = Self.place(of: ordinal % IndexFormat.linesPerBlock, in: bytes, sequence: header.first + UInt64(ordinal))
    else { throw Damaged() }
    return bytes[place]
  }

  /// Where a line of a block stands; nil when it is not the entry that it should be.
  private static func place(of line: Int, in bytes: [UInt8], sequence: UInt64) -> Range<Int>? {
    let span = bytes.span
    var start = 0
    for _ in 0..<line {
      guard let end = span.firstIndex(of: LedgerLine.newline, from: start) else { return nil }
      start = end + 1
    }
    guard let end = span.firstIndex(of: LedgerLine.newline, from: start),
      LedgerLine.frame(of: span.extracting(start..<end))?.sequence == sequence
    else { return nil }
    return start..<end
  }

  /// An entry, whatever it says; nil when its line cannot be read as one.
  func row(_ ordinal: Int) throws(Damaged) -> LedgerRow? {
    let line = Array(try line(ordinal))
    return LedgerRow(line: line.span)
  }

  /// The time of an entry, as its line has it.
  func time(_ ordinal: Int) throws(Damaged) -> Timestamp {
    let line = Array(try line(ordinal))
    guard let time = Self.time(of: line) else { throw Damaged() }
    return time
  }

  private static func time(of line: [UInt8]) -> Timestamp? {
    LedgerLine.frame(of: line.span).flatMap { Timestamp(rfc3339: line.span.slice($0.time).string()) }
  }

  private func readBlock(_ number: Int) throws(Damaged) -> [UInt8] {
    let isLast = number == header.blockCount - 1
    guard let places = file.bytes(at: header.blocksOffset + number * 8, count: isLast ? 8 : 16) else { throw Damaged() }
    let start = IndexFormat.word(places, at: 0)
    let end = isLast ? UInt64(header.segmentBytes) : IndexFormat.word(places, at: 8)
    guard start < end, end <= UInt64(header.segmentBytes),
      end - start <= UInt64(IndexFormat.linesPerBlock * LedgerLine.bytesMaximum),
      let bytes = try? segment.bytes(from: Int(start), to: Int(end)), bytes.count == Int(end - start)
    else { throw Damaged() }
    return bytes
  }
}

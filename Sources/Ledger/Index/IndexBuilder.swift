import Bytes
import Glibc
import JOSE
import Synchronization

/// Makes the index of a closed segment from its lines. Belongs to one thread.
struct IndexBuilder {
  private var records: [UInt64] = []
  private var blocks: [UInt64] = []
  private var header: IndexHeader
  private let key: HMACKey
  private static let made = Atomic<Int>(0)

  /// Reads the segment.
  ///
  /// - Throws: `LedgerError.malformed` when a line is not the entry that stands there by the segment's name: such a segment is read line by
  ///   line at each search. `cannotOpen` when it cannot be read.
  init(directory: String, segment: String, key: HMACKey) throws(LedgerError) {
    self.key = key
    guard let first = Segments.firstSequence(of: segment) else {
      throw .malformed(segment: segment, offset: 0, reason: "its name is not that of a segment")
    }
    header = IndexHeader(
      first: first, entryCount: 0, segmentBytes: 0, lastLineStart: 0, lastLineHash: LedgerLine.noHash, earliest: .max,
      latest: .min, isOrdered: true, recordCount: 0, directoryDigest: LedgerLine.noHash)
    let reader = try SegmentReader(directory: directory, name: segment)
    var tape = JSONTape()
    var memory = IndexTerm.Memory()
    while true {
      switch try reader.advance() {
      case .line: try add(reader, &tape, &memory)
      case .overlong: throw .malformed(segment: segment, offset: reader.lineStart, reason: "a line without an end")
      case .end(let unfinished):
        guard unfinished == 0, header.entryCount > 0 else {
          throw .malformed(segment: segment, offset: reader.lineStart, reason: "it does not end with an entry")
        }
        header.segmentBytes = reader.lineEnd
        header.lastLineHash = SHA256.digest(try reader.bytes(from: header.lastLineStart, to: reader.lineEnd - 1))
        return
      }
    }
  }

  private mutating func add(_ reader: SegmentReader, _ tape: inout JSONTape, _ memory: inout IndexTerm.Memory) throws(LedgerError)
  {
    let ordinal = header.entryCount
    guard let frame = LedgerLine.frame(of: reader.line), frame.sequence == header.first + UInt64(ordinal),
      (try? tape.parse(reader.line)) != nil, let time = Timestamp(rfc3339: reader.line.slice(frame.time).string()),
      ordinal < IndexFormat.entriesMaximum
    else {
      throw .malformed(segment: reader.name, offset: reader.lineStart, reason: "it cannot be indexed from here on")
    }
    if ordinal % IndexFormat.linesPerBlock == 0 { blocks.append(UInt64(reader.lineStart)) }
    IndexTerm.forEach(of: reader.line, tape, &memory) { records.append($0.record(UInt32(ordinal))) }
    if time.microseconds < header.latest { header.isOrdered = false }
    header.earliest = min(header.earliest, time.microseconds)
    header.latest = max(header.latest, time.microseconds)
    header.lastLineStart = reader.lineStart
    header.entryCount += 1
  }

  /// The file.
  mutating func encoded() -> [UInt8] {
    records.sort()
    header.recordCount = records.count
    header.bucketBits = IndexFormat.bucketBits(recordCount: records.count)
    var body: [UInt8] = []
    body.reserveCapacity(records.count * 8)
    for record in records { IndexFormat.append(record, to: &body) }
    let directory = directory(of: body)
    header.directoryDigest = SHA256.digest(directory)
    var bytes = header.encoded(key: key)
    bytes.reserveCapacity(header.fileBytes)
    bytes += directory
    bytes += body
    for block in blocks { IndexFormat.append(block, to: &bytes) }
    return bytes
  }

  private func directory(of body: [UInt8]) -> [UInt8] {
    var directory: [UInt8] = []
    directory.reserveCapacity(header.directoryBytes)
    var start = 0
    for bucket in 0..<header.bucketCount {
      var end = start
      while end < records.count, IndexFormat.bucket(of: records[end], bits: header.bucketBits) == bucket { end += 1 }
      IndexFormat.append(UInt64(end), to: &directory)
      directory += SHA256.digest(body.span.extracting(start * 8..<end * 8)).bytes[..<IndexFormat.digestBytes]
      start = end
    }
    return directory
  }

  /// Makes the file, in the place of one that may be there. Not flushed: one that a loss of power tore is made again.
  ///
  /// - Throws: `LedgerError`; nothing of it is left then.
  mutating func write(directory: String, segment: String) throws(LedgerError) {
    let folder = IndexFormat.folder(of: directory)
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw Self.failure(folder) }
    let path = IndexFormat.path(directory, segment: segment)
    // Of this process and this making: several may make the same index at once, and each is good.
    let number = Self.made.add(1, ordering: .relaxed).newValue
    let temporary = "\(folder)/.\(segment)\(IndexFormat.suffix).\(getpid())-\(number)"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(temporary) }
    defer {
      close(descriptor)
      unlink(temporary)
    }
    let bytes = encoded()
    var written = 0
    while written < bytes.count {
      // Sound: the array outlives the call, and the range is within it.
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.failure(temporary) }
      written += count
    }
    guard rename(temporary, path) == 0 else { throw Self.failure(path) }
  }

  private static func failure(_ path: String) -> LedgerError {
    .cannotOpen(path: path, reason: String(cString: strerror(errno)))
  }
}

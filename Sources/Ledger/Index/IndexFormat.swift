import Bytes
import JOSE

/// The file of an index: `index/<segment>.index`. All numbers are little-endian.
///
/// - header, 176 bytes: what it is of, and a MAC over it (`IndexHeader`)
/// - directory: for each bucket of terms the end of its records (8 bytes) and the first 16 bytes of their SHA-256; the header has the
///   directory's digest
/// - records, 8 bytes each, in order: term and place of an entry (`IndexTerm`)
/// - for each 32nd line the byte at which it begins, 8 bytes; needs no digest: a line says itself which one it is
enum IndexFormat {
  static let folder = "index"
  static let suffix = ".index"
  static let linesPerBlock = 32
  static let directoryEntryBytes = 24
  static let digestBytes = 16
  /// Records in a bucket, about: read and digested as one.
  static let bucketRecords = 1024
  /// A segment with more entries than that is not indexed: building takes some 80 bytes of memory for each.
  static let entriesMaximum = 4 << 20

  static func folder(of ledger: String) -> String { ledger + "/" + folder }
  static func path(_ ledger: String, segment: String) -> String { folder(of: ledger) + "/" + segment + suffix }

  static func bucketBits(recordCount: Int) -> Int {
    var bits = 0
    while bits < 20, recordCount >> bits > bucketRecords { bits += 1 }
    return bits
  }

  static func bucket(of record: UInt64, bits: Int) -> Int { bits == 0 ? 0 : Int(record >> UInt64(64 - bits)) }

  static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
  }

  static func word(_ bytes: [UInt8], at place: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in (0..<8).reversed() { value = value << 8 | UInt64(bytes[place + index]) }
    return value
  }
}

/// What an index is of. It fits one state of one segment: the segment's length and the hash of its last line, to which the chain binds all
/// before it.
struct IndexHeader: Equatable {
  static let magic: [UInt8] = Array("PLINDEX1".utf8)
  static let byteCount = 176
  private static let macOffset = byteCount - 32
  private static let macContext = Array("passerelle ledger index".utf8)

  var first: UInt64
  var entryCount: Int
  var segmentBytes: Int
  var lastLineStart: Int
  var lastLineHash: Digest32
  /// In microseconds.
  var earliest: Int64
  var latest: Int64
  /// No entry's time is before that of the entry before it.
  var isOrdered: Bool
  var recordCount: Int
  var bucketBits: Int
  var directoryDigest: Digest32

  var bucketCount: Int { 1 << bucketBits }
  var blockCount: Int { (entryCount + IndexFormat.linesPerBlock - 1) / IndexFormat.linesPerBlock }
  var directoryOffset: Int { Self.byteCount }
  var directoryBytes: Int { bucketCount * IndexFormat.directoryEntryBytes }
  var recordsOffset: Int { directoryOffset + directoryBytes }
  var blocksOffset: Int { recordsOffset + recordCount * 8 }
  var fileBytes: Int { blocksOffset + blockCount * 8 }

  /// - Parameter key: whoever can write the file but does not have the key cannot hide an entry from a search.
  func encoded(key: HMACKey) -> [UInt8] {
    var bytes = Self.magic
    for value in [first, UInt64(entryCount), UInt64(segmentBytes), UInt64(lastLineStart)] {
      IndexFormat.append(value, to: &bytes)
    }
    bytes += lastLineHash.bytes
    for value in [earliest, latest] { IndexFormat.append(UInt64(bitPattern: value), to: &bytes) }
    for value in [isOrdered ? 1 : 0, recordCount, bucketBits] { IndexFormat.append(UInt64(value), to: &bytes) }
    bytes += directoryDigest.bytes
    return bytes + key.authenticate(Self.macContext + bytes).bytes
  }

  /// Nil when it is none, or not by this key.
  init?(_ bytes: [UInt8], key: HMACKey) {
    guard bytes.count == Self.byteCount, bytes.starts(with: Self.magic),
      key.isAuthentic(Self.macContext + bytes[..<Self.macOffset], Array(bytes[Self.macOffset...])),
      let lastLineHash = Digest32(bytes: Array(bytes[40..<72])), let directoryDigest = Digest32(bytes: Array(bytes[112..<144]))
    else { return nil }
    // Of the numbers nothing is doubted any more: this program wrote them.
    func number(_ place: Int) -> Int { Int(truncatingIfNeeded: IndexFormat.word(bytes, at: place)) }
    first = IndexFormat.word(bytes, at: 8)
    entryCount = number(16)
    segmentBytes = number(24)
    lastLineStart = number(32)
    self.lastLineHash = lastLineHash
    earliest = Int64(bitPattern: IndexFormat.word(bytes, at: 72))
    latest = Int64(bitPattern: IndexFormat.word(bytes, at: 80))
    isOrdered = number(88) == 1
    recordCount = number(96)
    bucketBits = number(104)
    self.directoryDigest = directoryDigest
  }

  init(
    first: UInt64, entryCount: Int, segmentBytes: Int, lastLineStart: Int, lastLineHash: Digest32, earliest: Int64, latest: Int64,
    isOrdered: Bool, recordCount: Int, directoryDigest: Digest32
  ) {
    self.first = first
    self.entryCount = entryCount
    self.segmentBytes = segmentBytes
    self.lastLineStart = lastLineStart
    self.lastLineHash = lastLineHash
    self.earliest = earliest
    self.latest = latest
    self.isOrdered = isOrdered
    self.recordCount = recordCount
    bucketBits = IndexFormat.bucketBits(recordCount: recordCount)
    self.directoryDigest = directoryDigest
  }
}

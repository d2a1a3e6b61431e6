import Bytes
import JOSE

/// Shows that one entry is in a sealed segment, without the ledger: the line, its path to the root, and the seal (RFC 6962 §2.1.1).
public struct InclusionProof: Sendable, Equatable {
  /// The entry as it stands in the ledger, without its newline.
  public let line: [UInt8]
  public let sequence: UInt64
  public let path: [Digest32]
  /// The JWS of the segment's seal.
  public let seal: String

  /// Makes the proof of an entry.
  ///
  /// - Throws: `LedgerError` when there is no such entry, or its segment is not sealed yet.
  public static func make(directory: String, sequence: UInt64, key: VerificationKey) throws(LedgerError) -> InclusionProof {
    let segments = try Segments.list(directory)
    guard let segment = segments.last(where: { (Segments.firstSequence(of: $0) ?? .max) <= sequence }) else {
      throw .noEntry(sequence)
    }
    guard let text = SealFiles.read(directory, segment: segment), let seal = Seal(text: text, key: key) else {
      throw .malformed(
        segment: segment, offset: 0, reason: "it is not sealed yet; entries are proved once their segment is closed")
    }
    var leaves: [Digest32] = []
    var line: [UInt8]?
    let reader = try SegmentReader(directory: directory, name: segment)
    while case .line = try reader.advance() {
      if seal.first + UInt64(leaves.count) == sequence { line = reader.line.bytes() }
      leaves.append(MerkleTree.leaf(reader.line))
    }
    guard let line, leaves.count == seal.leafCount else { throw .noEntry(sequence) }
    let path = MerkleTree.path(of: Int(sequence - seal.first), in: leaves[...])
    return InclusionProof(line: line, sequence: sequence, path: path, seal: seal.text)
  }

  /// Why the proof does not hold; nil when it does.
  public func fault(key: VerificationKey) -> String? {
    guard let seal = Seal(text: seal, key: key) else { return "the seal is not by this key" }
    guard (seal.first...seal.last).contains(sequence) else { return "the seal is of other entries" }
    guard let frame = LedgerLine.frame(of: line.span), frame.sequence == sequence else {
      return "the line is not entry \(sequence)"
    }
    let root = MerkleTree.root(
      leaf: MerkleTree.leaf(line.span), index: Int(sequence - seal.first), leafCount: seal.leafCount, path: path)
    return root == seal.root ? nil : "the entry is not among those that were sealed"
  }

  /// As JSON: `seq`, `line`, `path` (hexadecimal, from the leaf upwards), `seal`.
  public var json: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("seq", Int(sequence))
    writer.field("line", String(decoding: line, as: UTF8.self))
    writer.field("path", path.map(\.hex))
    writer.field("seal", seal)
    writer.endObject()
    return writer.bytes
  }

  /// - Throws: `DocumentError` when it is something else.
  public init(json: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(json)
    sequence = UInt64(try reader.optionalInteger("seq", in: 1...Int.max) ?? 0)
    line = Array(try reader.string("line").utf8)
    var path: [Digest32] = []
    for text in try reader.strings("path") {
      guard let hash = Hex.decode(text).flatMap({ Digest32(bytes: $0) }), path.count < 64 else {
        throw json.error("path wants at most 64 digests in hexadecimal")
      }
      path.append(hash)
    }
    self.path = path
    seal = try reader.string("seal")
    try reader.finish()
  }

  private init(line: [UInt8], sequence: UInt64, path: [Digest32], seal: String) {
    self.line = line
    self.sequence = sequence
    self.path = path
    self.seal = seal
  }
}

import Bytes
import JOSE

/// What is sealed: all lines of one closed segment, by the root of their Merkle tree, and the seal before it.
///
/// A seal is a compact JWS (RFC 7515) by the audit key with `typ` `ledger-seal+jwt`, in `seals/<segment>.seal`, with a newline. It can be
/// kept elsewhere and compared later: whoever changes an entry, or removes one, cannot make the seal again without the key, nor the ones
/// that follow. `docs/ledger-format.md` says it for those who write a verifier of their own.
public struct Seal: Sendable, Equatable {
  static let type = "ledger-seal+jwt"
  static let directoryName = "seals"
  static let suffix = ".seal"
  /// In the first seal, in the place of the digest of the one before.
  static let beginning = String(repeating: "0", count: 64)

  public let segment: String
  /// The numbers of the first and the last entry.
  public let first: UInt64
  public let last: UInt64
  /// RFC 6962 §2.1, over the lines without their newlines.
  public let root: Digest32
  /// SHA-256 of the seal before, as it stands in its file without the newline, in hexadecimal.
  public let previous: String
  public let time: String
  /// The JWS.
  public let text: String

  public var leafCount: Int { Int(last - first) + 1 }
  public var digest: String { SHA256.digest(Array(text.utf8)).hex }
  public var fileName: String { segment + Self.suffix }

  /// The seals of a ledger that this key made, oldest first; for publishing them.
  public static func all(in ledger: String, key: VerificationKey) -> [Seal] {
    SealFiles.sealedSegments(ledger).compactMap { SealFiles.read(ledger, segment: $0) }.compactMap { Seal(text: $0, key: key) }
  }

  /// Puts a copy into a directory; one that is there already stays as it is.
  ///
  /// - Throws: `LedgerError` when it cannot be written.
  public func copy(to directory: String) throws(LedgerError) {
    guard !SealFiles.exists(self, in: directory) else { return }
    try SealFiles.write(self, to: directory)
  }

  /// Makes a seal.
  init(
    segment: String, first: UInt64, last: UInt64, root: Digest32, previous: String, time: Timestamp, key: SigningKey
  ) throws(JOSEError) {
    var payload = JSONWriter()
    payload.beginObject()
    payload.field("segment", segment)
    payload.field("first", Int(first))
    payload.field("last", Int(last))
    payload.field("root", root.hex)
    payload.field("previous", previous)
    payload.field("time", time.rfc3339)
    payload.endObject()
    self.segment = segment
    self.first = first
    self.last = last
    self.root = root
    self.previous = previous
    self.time = time.rfc3339
    text = try JWTBuilder.sign(payload: payload.bytes, typ: Self.type, key: key)
  }

  /// Reads a seal and checks that the audit key made it; nil when it did not, or when it is none.
  public init?(text: String, key: VerificationKey) {
    let trimmed = String(text.prefix { !$0.isNewline })
    guard let jws = try? CompactJWS(parsing: Array(trimmed.utf8).span), let verified = try? jws.verified(by: { _ in key }),
      verified.header.typ == Self.type, let root = try? JSONDocument(verified.payload).root,
      let segment = root["segment"]?.string, let first = root["first"]?.integer, let last = root["last"]?.integer,
      first > 0, last >= first, Segments.firstSequence(of: segment) == UInt64(first),
      let hash = root["root"]?.string.flatMap({ Hex.decode($0) }).flatMap({ Digest32(bytes: $0) }),
      let previous = root["previous"]?.string, let time = root["time"]?.string
    else { return nil }
    self.segment = segment
    self.first = UInt64(first)
    self.last = UInt64(last)
    self.root = hash
    self.previous = previous
    self.time = time
    self.text = trimmed
  }
}

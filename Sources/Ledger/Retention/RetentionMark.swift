import Bytes
import Glibc
import JOSE

/// What says that the beginning of a ledger was removed on purpose: up to which entry, and what the chain goes on from.
///
/// A compact JWS by the audit key with `typ` `ledger-retention+jwt`, in `retention.jws`: whoever cannot sign cannot remove entries and
/// have it pass for retention. The seals of what was removed stay, so that the chain of seals is whole from the first entry on.
public struct RetentionMark: Sendable, Equatable {
  static let type = "ledger-retention+jwt"
  static let fileName = "retention.jws"

  /// The last entry that was removed.
  public let last: UInt64
  /// Its segment.
  public let segment: String
  /// SHA-256 of its line: what the first entry that is left follows from.
  public let hash: Digest32
  /// The digest of the last removed segment's seal.
  public let seal: String
  /// How old, in days, entries had to be.
  public let days: Int
  public let time: String
  let text: String

  init(
    last: UInt64, segment: String, hash: Digest32, seal: String, days: Int, time: Timestamp, key: SigningKey
  ) throws(JOSEError) {
    var payload = JSONWriter()
    payload.beginObject()
    payload.field("last", Int(last))
    payload.field("segment", segment)
    payload.field("hash", hash.hex)
    payload.field("seal", seal)
    payload.field("days", days)
    payload.field("time", time.rfc3339)
    payload.endObject()
    self.last = last
    self.segment = segment
    self.hash = hash
    self.seal = seal
    self.days = days
    self.time = time.rfc3339
    text = try JWTBuilder.sign(payload: payload.bytes, typ: Self.type, key: key)
  }

  /// Nil when it is none, or not by the audit key.
  init?(text: String, key: VerificationKey) {
    let trimmed = String(text.prefix { !$0.isNewline })
    guard let jws = try? CompactJWS(parsing: Array(trimmed.utf8).span), let verified = try? jws.verified(by: { _ in key }),
      verified.header.typ == Self.type, let root = try? JSONDocument(verified.payload).root,
      let last = root["last"]?.integer, last > 0, let segment = root["segment"]?.string,
      Segments.firstSequence(of: segment) != nil,
      let hash = root["hash"]?.string.flatMap({ Hex.decode($0) }).flatMap({ Digest32(bytes: $0) }),
      let seal = root["seal"]?.string, let days = root["days"]?.integer, let time = root["time"]?.string
    else { return nil }
    self.last = UInt64(last)
    self.segment = segment
    self.hash = hash
    self.seal = seal
    self.days = days
    self.time = time
    self.text = trimmed
  }

  /// What a ledger's folder has.
  public enum Found: Sendable, Equatable {
    /// Nothing was ever removed.
    case none
    case mark(RetentionMark)
    /// There is one, and it is not by the audit key, or cannot be read. Only a file that is not there is no mark.
    case forged
  }

  static let forgedReason = "it is not by the audit key, or cannot be read"

  public static func read(_ directory: String, key: VerificationKey) -> Found {
    let descriptor = open(directory + "/" + fileName, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return errno == ENOENT ? .none : .forged }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    let text = String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    return RetentionMark(text: text, key: key).map(Found.mark) ?? .forged
  }

  /// Puts it in the place of the one before, durably.
  func write(to directory: String) throws(LedgerError) {
    let (path, temporary) = (directory + "/" + Self.fileName, directory + "/." + Self.fileName + ".new")
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SegmentFile.failure("cannot write \(Self.fileName)", errno) }
    defer {
      close(descriptor)
      unlink(temporary)
    }
    let bytes = Array((text + "\n").utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0, rename(temporary, path) == 0 else {
      throw SegmentFile.failure("cannot write \(Self.fileName)", errno)
    }
    try SegmentFile.synchronizeDirectory(directory)
  }
}

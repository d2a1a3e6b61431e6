import Bytes
import Glibc
import Synchronization

/// The keys of one installation, in one directory (mode 0700, every file 0600): made at the first start, loaded afterwards.
///
/// | file | what it is |
/// |---|---|
/// | `signing.pem` | the key that signs access and ID tokens (ES256) |
/// | `signing-next.pem` | the next one: published in the JWK set, not signing yet |
/// | `signing-previous.pem` | the one before: still published until its last token is out |
/// | `pairwise.key` | makes the `sub` that each client sees (32 bytes, base64url) |
/// | `subject-lookup.key` | finds a subscriber's row by number |
/// | `subject-sealing.key` | seals what must be read again: numbers, waiting authorization requests |
///
/// Safe to use from any thread.
public final class KeyRing: Sendable {
  private struct Signing {
    var current: SigningKey
    var next: SigningKey
    var previous: SigningKey?
  }

  public let directory: String
  /// Makes pairwise subject identifiers (OIDC Core §8.1; CAMARA profile item 62).
  public let pairwise: HMACKey
  /// Finds a subscriber's row by their number.
  public let lookup: HMACKey
  /// Seals what is stored and must be read again.
  public let sealing: SealingKey
  private let signing: Mutex<Signing>
  private let rotation = Mutex<Void>(())

  private init(directory: String, signing: Signing, pairwise: HMACKey, lookup: HMACKey, sealing: SealingKey) {
    self.directory = directory
    self.signing = Mutex(signing)
    self.pairwise = pairwise
    self.lookup = lookup
    self.sealing = sealing
  }

  /// Loads the keys of a directory; what is missing is generated.
  ///
  /// - Throws: `KeyFileError` when the directory cannot be made, or a file cannot be read, is readable by others, or is not a
  ///   key. Nothing is overwritten then.
  public static func openOrCreate(directory: String) throws(KeyFileError) -> KeyRing {
    try KeyFile.makeDirectory(directory)
    let previous = directory + "/signing-previous.pem"
    let signing = Signing(
      current: try signingKey(directory + "/signing.pem"), next: try signingKey(directory + "/signing-next.pem"),
      previous: KeyFile.exists(previous) ? try SigningKey.load(file: previous) : nil)
    return KeyRing(
      directory: directory, signing: signing, pairwise: HMACKey(try secret(directory + "/pairwise.key")),
      lookup: HMACKey(try secret(directory + "/subject-lookup.key")),
      sealing: SealingKey(try secret(directory + "/subject-sealing.key")))
  }

  /// The key that signs now.
  public var current: SigningKey { signing.withLock { $0.current } }

  /// The keys that may have signed a token that is still out, and the one that signs next.
  public var published: [VerificationKey] {
    let keys = signing.withLock { [$0.current, $0.next, $0.previous].compactMap { $0?.verificationKey } }
    // A rotation that was cut short leaves one key in two files; a set with a kid twice would be refused by its readers.
    var kids: Set<String?> = []
    return keys.filter { kids.insert($0.kid).inserted }
  }

  /// The published key with this identifier; nil when there is none. There is no default key.
  public func verificationKey(kid: String) -> VerificationKey? { published.first { $0.kid == kid } }

  /// The published keys as a JWK set (RFC 7517 §5), public parts only.
  public func jwks() -> [UInt8] { JWKSet(keys: published).json() }

  /// One line about each signing key, for `keys list`: file, role, key identifier.
  public func list() -> [(file: String, role: String, kid: String)] {
    signing.withLock { signing in
      var rows = [("signing.pem", "signs", signing.current.kid), ("signing-next.pem", "signs next", signing.next.kid)]
      if let previous = signing.previous { rows.append(("signing-previous.pem", "still verifies", previous.kid)) }
      return rows
    }
  }

  /// The next key signs from now on, the current one stays published as the previous one, and a new next key is published
  /// before it signs. Files are replaced one by one, each atomically, in an order in which a crash loses no key that signed.
  public func rotate() throws(KeyFileError) {
    // One rotation at a time; who signs meanwhile is not held up by the disk.
    try rotation.withLock { _ throws(KeyFileError) in
      let fresh = try Self.generate()
      let (current, next) = signing.withLock { ($0.current, $0.next) }
      try current.save(to: directory + "/signing-previous.pem")
      try next.save(to: directory + "/signing.pem")
      try fresh.save(to: directory + "/signing-next.pem")
      signing.withLock { $0 = Signing(current: next, next: fresh, previous: current) }
    }
  }

  private static func signingKey(_ file: String) throws(KeyFileError) -> SigningKey {
    if KeyFile.exists(file) { return try SigningKey.load(file: file) }
    let key = try generate()
    try key.save(to: file)
    return key
  }

  private static func generate() throws(KeyFileError) -> SigningKey {
    do { return try SigningKey.generate(.es256) } catch {
      throw KeyFileError(file: "-", reason: "no key could be generated: \(error)")
    }
  }

  private static func secret(_ file: String) throws(KeyFileError) -> [UInt8] {
    if KeyFile.exists(file) {
      let text = try KeyFile.read(file)
      guard let bytes = Base64URL.decode(String(decoding: text, as: UTF8.self).trimmingNewlines()), bytes.count == 32 else {
        throw KeyFileError(file: file, reason: "is not 32 bytes in base64url")
      }
      return bytes
    }
    let bytes = Random.bytes(32)
    try KeyFile.write(Array((Base64URL.encode(bytes) + "\n").utf8), to: file)
    return bytes
  }
}

extension String {
  fileprivate func trimmingNewlines() -> String {
    var text = self[...]
    while text.last?.isNewline == true { text.removeLast() }
    return String(text)
  }
}

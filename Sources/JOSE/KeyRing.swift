import Bytes
import Glibc
import Synchronization

/// The keys of one installation, in one directory (mode 0700, every file 0600): made at the first start, loaded afterwards. Never made
/// anew beside data that was kept with them: with another key no consent and no objection would be found.
///
/// | file | what it is |
/// |---|---|
/// | `signing.pem` | the key that signs access and ID tokens (ES256); the file's time says since when |
/// | `signing-next.pem` | the next one: published in the JWK set, not signing yet |
/// | `signing-retired-N-M.pem` | one that signed until the second N: still published until its last token is out |
/// | `signing-rs256.pem` | signs ID tokens for clients that are registered for RS256, which OpenID Connect wants every server to have |
/// | `audit.pem` | seals the segments of the ledger (ES256) |
/// | `pairwise.key` | makes the `sub` that each client sees (32 bytes, base64url) |
/// | `subject-lookup.key` | finds a subscriber's row by number; keys the MAC of the index of searches |
/// | `subject-sealing.key` | seals what must be read again: numbers, waiting authorization requests |
///
/// Safe to use from any thread.
public final class KeyRing: Sendable {
  /// For so long a key is published after its last signature: the longest life of a token (a day, by `passerelle token issue`), and an
  /// hour for clocks.
  public static let retirementSeconds: Int64 = 25 * 3600
  /// Rotations within that time at most; each leaves a key in the set that every client reads.
  public static let retiredMaximum = 16

  public let directory: String
  /// Makes pairwise subject identifiers (OIDC Core §8.1; CAMARA profile item 62).
  public let pairwise: HMACKey
  /// Finds a subscriber's row by their number.
  public let lookup: HMACKey
  /// Seals what is stored and must be read again.
  public let sealing: SealingKey
  /// Signs the seals of the ledger, and nothing else.
  public let audit: SigningKey
  private let signing: Mutex<SigningKeys>
  private let rotation = Mutex<Void>(())
  /// Digests of the secrets, in the order of `secretNames`, by which a change of their files is noticed.
  private let secretDigests: [Digest32]
  private let time: any TimeSource

  /// In the order in which the initialiser takes them.
  private static let secretNames = ["pairwise.key", "subject-lookup.key", "subject-sealing.key"]

  private init(directory: String, signing: SigningKeys, secrets: [[UInt8]], audit: SigningKey, time: any TimeSource) {
    self.directory = directory
    self.signing = Mutex(signing)
    pairwise = HMACKey(secrets[0])
    lookup = HMACKey(secrets[1])
    sealing = SealingKey(secrets[2])
    secretDigests = secrets.map { SHA256.digest($0) }
    self.audit = audit
    self.time = time
  }

  /// Loads the keys of a directory; what is missing is generated. For a first start: nothing was kept with them yet.
  ///
  /// - Throws: `KeyFileError` when the directory cannot be made, or a file cannot be read, is readable by others, or is not a
  ///   key. Nothing is overwritten then.
  public static func openOrCreate(directory: String, time: any TimeSource = SystemTime()) throws(KeyFileError) -> KeyRing {
    try KeyFile.makeDirectory(directory)
    return try load(directory, .make, time)
  }

  /// Loads the keys of a directory with which data was kept. A key that is missing is an error, but for the two that every rotation makes
  /// anew, the next one and the one for RS256.
  ///
  /// - Parameter isReading: no file is written; of those two, what is missing is made in memory alone.
  /// - Throws: `KeyFileError` when a key is missing, or a file cannot be read, is readable by others, or is not a key.
  public static func open(
    directory: String, isReading: Bool = false, time: any TimeSource = SystemTime()
  ) throws(KeyFileError) -> KeyRing {
    // Named as a whole, not by its first file.
    if try KeyFile.isMissing(directory) { throw KeyFileError(file: directory, reason: missing) }
    return try load(directory, isReading ? .pretend : .renew, time)
  }

  /// What is wrong with the files of a directory, one by one. Writes nothing.
  ///
  /// - Parameter isFirstStart: what is missing is no fault.
  public static func faults(in directory: String, isFirstStart: Bool) -> [KeyFileError] {
    func fault(_ read: () throws(KeyFileError) -> Void) -> KeyFileError? {
      do throws(KeyFileError) {
        try read()
        return nil
      } catch { return error }
    }
    if !isFirstStart, let fault = fault({ () throws(KeyFileError) in _ = try isThere(directory, .renew) }) { return [fault] }
    let absent: Absent = isFirstStart ? .make : .renew
    let signing = ["signing.pem", "audit.pem"].map { directory + "/" + $0 }
    let renewed = ["signing-next.pem", "signing-rs256.pem"].map { directory + "/" + $0 }
    let secrets = secretNames.map { directory + "/" + $0 }
    return signing.compactMap { file in
      fault { () throws(KeyFileError) in if try isThere(file, absent) { _ = try SigningKey.load(file: file) } }
    }
      + renewed.compactMap { file in
        fault { () throws(KeyFileError) in if try isThere(file, .make) { _ = try SigningKey.load(file: file) } }
      }
      + secrets.compactMap { file in
        fault { () throws(KeyFileError) in if try isThere(file, absent) { _ = try storedSecret(file) } }
      }
  }

  /// What becomes of a key whose file is not there.
  private enum Absent {
    /// It is made.
    case make
    /// It is made when rotations make it anyway, and an error otherwise.
    case renew
    /// The same, and nothing is written.
    case pretend
  }

  private static let missing = "is missing although there is data: restore it from the backup"

  private static func load(_ directory: String, _ absent: Absent, _ time: any TimeSource) throws(KeyFileError) -> KeyRing {
    let (current, next) = (directory + "/signing.pem", directory + "/signing-next.pem")
    let signing = SigningKeys(
      current: try signingKey(current, absent), next: try signingKey(next, absent, isRenewed: true),
      rsa: try signingKey(directory + "/signing-rs256.pem", absent, .rs256, isRenewed: true),
      retired: try RetiredKey.all(in: directory),
      since: try KeyFile.changed(current))
    var secrets: [[UInt8]] = []
    for name in secretNames { secrets.append(try secret(directory + "/" + name, absent)) }
    return KeyRing(
      directory: directory, signing: signing, secrets: secrets, audit: try signingKey(directory + "/audit.pem", absent),
      time: time)
  }

  /// False when the file is missing and may be made.
  private static func isThere(_ file: String, _ absent: Absent, isRenewed: Bool = false) throws(KeyFileError) -> Bool {
    guard try KeyFile.isMissing(file) else { return true }
    guard absent == .make || isRenewed else { throw KeyFileError(file: file, reason: missing) }
    return false
  }

  // MARK: Reading again

  /// Signing keys that were read and are not used yet.
  public struct Reading: Sendable {
    let signing: SigningKeys
    /// Of the key that signed when they were read.
    let replacedKID: String
    /// A key that verified tokens until now is not among them.
    public let losesKeys: Bool
    /// Another set of keys than before.
    public let isNew: Bool
  }

  /// Reads the signing keys again, as they are in the files now; nothing is generated and nothing changes before `take`.
  ///
  /// - Throws: `KeyFileError` when a file is missing or no good, and for another key of those that cannot change while the gateway
  ///   runs: what they made or found before would be lost.
  public func read() throws(KeyFileError) -> Reading {
    for (name, digest) in zip(Self.secretNames, secretDigests) {
      guard SHA256.digest(try Self.storedSecret(directory + "/" + name)) == digest else { throw needsRestart(name) }
    }
    guard try SigningKey.load(file: directory + "/audit.pem").kid == audit.kid else { throw needsRestart("audit.pem") }
    let now = time.now()
    return try rotation.withLock { _ throws(KeyFileError) in
      let (name, before) = (directory + "/signing", signing.withLock { $0 })
      let read = SigningKeys(
        current: try Self.load(name + ".pem", .es256), next: try Self.load(name + "-next.pem", .es256),
        rsa: try Self.load(name + "-rs256.pem", .rs256), retired: try RetiredKey.all(in: directory),
        since: try KeyFile.changed(name + ".pem"))
      let (kids, kidsBefore) = (Set(read.published(at: now).map(\.kid)), Set(before.published(at: now).map(\.kid)))
      return Reading(
        signing: read, replacedKID: before.current.kid, losesKeys: !kidsBefore.isSubset(of: kids),
        isNew: kids != kidsBefore || read.current.kid != before.current.kid)
    }
  }

  /// Uses what was read from now on. Where a rotation came in between, its keys stay: they are in the same files. Any thread.
  public func take(_ reading: Reading) {
    signing.withLock { if $0.current.kid == reading.replacedKID { $0 = reading.signing } }
  }

  private func needsRestart(_ name: String) -> KeyFileError {
    KeyFileError(file: directory + "/" + name, reason: "is another key than the one in use, which needs a restart")
  }

  private static func load(_ file: String, _ algorithm: SignatureAlgorithm) throws(KeyFileError) -> SigningKey {
    let key = try SigningKey.load(file: file)
    guard key.algorithm == algorithm else { throw KeyFileError(file: file, reason: "is not a key for \(algorithm.rawValue)") }
    return key
  }

  /// The key that signs now.
  public var current: SigningKey { signing.withLock { $0.current } }

  /// The key that signs ID tokens with an algorithm; nil for one that is not made here.
  public func idTokenKey(_ algorithm: SignatureAlgorithm) -> SigningKey? {
    switch algorithm {
    case .es256: current
    case .rs256: signing.withLock { $0.rsa }
    default: nil
    }
  }

  /// The algorithms of ID tokens (OIDC Core §15.1: RS256 has to be there).
  public static let idTokenAlgorithms: [SignatureAlgorithm] = [.es256, .rs256]

  /// Since when it signs.
  public var currentSince: Timestamp { signing.withLock { $0.since } }

  /// The keys that may have signed a token that is still out, and the one that signs next.
  public var published: [VerificationKey] {
    let now = time.now()
    return signing.withLock { $0.published(at: now) }
  }

  /// The published key with this identifier; nil when there is none. There is no default key.
  public func verificationKey(kid: String) -> VerificationKey? {
    let now = time.now()
    return signing.withLock { $0.published(kid: kid, at: now) }
  }

  /// The published keys as a JWK set (RFC 7517 §5), public parts only.
  public func jwks() -> [UInt8] { JWKSet(keys: published).json() }

  /// One line about each signing key, for `keys list`: file, role, key identifier.
  public func list() -> [(file: String, role: String, kid: String)] {
    let now = time.now()
    return signing.withLock { signing in
      [("signing.pem", "signs", signing.current.kid), ("signing-next.pem", "signs next", signing.next.kid)]
        + [("signing-rs256.pem", "signs ID tokens with RS256", signing.rsa.kid)]
        + signing.retired.filter { $0.isPublished(at: now) }.map { ($0.fileName, "still verifies", $0.key.kid) }
    }
  }

  /// The next key signs from now on, the current one stays published until its last token is out, and a new next key is published
  /// before it signs. Files are replaced one by one, each atomically, in an order in which a crash loses no key that signed.
  ///
  /// - Throws: `KeyFileError` when a file cannot be written, or when there were `retiredMaximum` rotations within
  ///   `retirementSeconds`; nothing has changed then.
  public func rotate() throws(KeyFileError) {
    // One rotation at a time; who signs meanwhile is not held up by the disk.
    try rotation.withLock { _ throws(KeyFileError) in
      let now = time.now()
      var keys = signing.withLock { $0 }
      for gone in keys.retired where !gone.isPublished(at: now) { KeyFile.remove(directory + "/" + gone.fileName) }
      keys.retired.removeAll { !$0.isPublished(at: now) }
      guard keys.retired.count < 2 * Self.retiredMaximum else {
        throw KeyFileError(
          file: directory, reason: "there were \(Self.retiredMaximum) rotations within a day; wait until one is out of use")
      }
      let (fresh, freshRSA) = (try Self.generate(.es256), try Self.generate(.rs256))
      let retired = [keys.current, keys.rsa].enumerated().map { index, key in
        RetiredKey(key: key, since: now, order: keys.retired.count + index)
      }
      for old in retired { try old.key.save(to: directory + "/" + old.fileName) }
      try keys.next.save(to: directory + "/signing.pem")
      try freshRSA.save(to: directory + "/signing-rs256.pem")
      try fresh.save(to: directory + "/signing-next.pem")
      let rotated = SigningKeys(
        current: keys.next, next: fresh, rsa: freshRSA, retired: keys.retired + retired, since: now)
      signing.withLock { $0 = rotated }
    }
  }

  private static func signingKey(
    _ file: String, _ absent: Absent, _ algorithm: SignatureAlgorithm = .es256, isRenewed: Bool = false
  ) throws(KeyFileError) -> SigningKey {
    if try isThere(file, absent, isRenewed: isRenewed) { return try SigningKey.load(file: file) }
    let key = try generate(algorithm)
    if absent != .pretend { try key.save(to: file) }
    return key
  }

  private static func generate(_ algorithm: SignatureAlgorithm) throws(KeyFileError) -> SigningKey {
    do { return try SigningKey.generate(algorithm) } catch {
      throw KeyFileError(file: "-", reason: "no key could be generated: \(error)")
    }
  }

  private static func storedSecret(_ file: String) throws(KeyFileError) -> [UInt8] {
    let text = try KeyFile.read(file)
    guard let bytes = Base64URL.decode(String(decoding: text, as: UTF8.self).trimmingNewlines()), bytes.count == 32 else {
      throw KeyFileError(file: file, reason: "is not 32 bytes in base64url")
    }
    return bytes
  }

  private static func secret(_ file: String, _ absent: Absent) throws(KeyFileError) -> [UInt8] {
    if try isThere(file, absent) { return try storedSecret(file) }
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

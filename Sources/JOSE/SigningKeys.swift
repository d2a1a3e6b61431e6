import Bytes
import Glibc

/// The signing keys of a ring at one moment.
struct SigningKeys: Sendable {
  var current: SigningKey
  var next: SigningKey
  /// For ID tokens with RS256.
  var rsa: SigningKey
  /// In the order in which they were retired.
  var retired: [RetiredKey]
  /// When the current one began to sign.
  var since: Timestamp

  /// Each once: a rotation that was cut short leaves one key in two files, and a set with a kid twice would be refused by its
  /// readers.
  func published(at now: Timestamp) -> [VerificationKey] {
    var kids: Set<String?> = []
    let keys = [current, next, rsa] + retired.filter { $0.isPublished(at: now) }.map(\.key)
    return keys.map(\.verificationKey).filter { kids.insert($0.kid).inserted }
  }

  /// The one of them with this identifier. Nearly every token names the current key, for which no list is made.
  func published(kid: String, at now: Timestamp) -> VerificationKey? {
    if current.kid == kid { return current.verificationKey }
    return published(at: now).first { $0.kid == kid }
  }
}

/// A key that signs no more.
struct RetiredKey: Sendable {
  let key: SigningKey
  let since: Timestamp
  /// Tells keys apart that were retired in the same second.
  let order: Int

  private static let prefix = "signing-retired-"

  var fileName: String { "\(Self.prefix)\(since.seconds)-\(order).pem" }

  func isPublished(at now: Timestamp) -> Bool { now.seconds - since.seconds < KeyRing.retirementSeconds }

  /// Those that a directory holds, oldest first. A file whose name says no time is not one of them.
  static func all(in directory: String) throws(KeyFileError) -> [RetiredKey] {
    var keys: [RetiredKey] = []
    for name in KeyFile.names(in: directory) where name.hasPrefix(prefix) && name.hasSuffix(".pem") {
      let numbers = name.dropFirst(prefix.count).dropLast(4).split(separator: "-")
      guard numbers.count == 2, let seconds = Int64(numbers[0]), let order = Int(numbers[1]) else { continue }
      keys.append(
        RetiredKey(key: try SigningKey.load(file: directory + "/" + name), since: Timestamp(seconds: seconds), order: order))
    }
    return keys.sorted { ($0.since.seconds, $0.order) < ($1.since.seconds, $1.order) }
  }
}

import Bytes
import JOSE

/// What lets a backend's events in: 32 bytes in the path of the sink that it gets, and 32 in the credential. Neither is kept, only their
/// digest, by which the subscription is found: what is compared is nothing that could be guessed piece by piece.
public struct SubscriptionSecret: Sendable {
  static let partCount = 32

  /// Both as 43 characters of base64url.
  public let path: String
  public let bearer: String
  /// What the store knows it by.
  public let digest: Digest32

  /// A new one.
  public static func random() -> SubscriptionSecret {
    SubscriptionSecret(Random.bytes(partCount), Random.bytes(partCount))
  }

  /// Nil when one of the two is not of the form.
  init?(path: String, bearer: String) {
    guard path.utf8.count == 43, bearer.utf8.count == 43, let first = Base64URL.decode(path),
      let second = Base64URL.decode(bearer)
    else { return nil }
    self.init(first, second)
  }

  private init(_ path: [UInt8], _ bearer: [UInt8]) {
    self.path = Base64URL.encode(path)
    self.bearer = Base64URL.encode(bearer)
    digest = SHA256.digest(path + bearer)
  }
}

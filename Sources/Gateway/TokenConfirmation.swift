import Bytes

/// What a token is bound to (RFC 7800 §3.1): a key (RFC 9449 §6.1), a certificate (RFC 8705 §3.1), or both.
struct TokenConfirmation: Equatable {
  /// `jkt`
  var keyThumbprint: String?
  /// `x5t#S256`
  var certificateThumbprint: String?

  /// What a bearer token has.
  static let none = TokenConfirmation()

  private init() {}

  /// Nil for a confirmation that is not understood, for it cannot be given: such a token is not taken as an unbound one.
  ///
  /// - Parameter cnf: the claim; nil when the token has none.
  init?(_ cnf: JSONValue?) {
    guard let cnf else { self = .none; return }
    let (key, certificate) = (cnf["jkt"], cnf["x5t#S256"])
    guard key != nil || certificate != nil else { return nil }
    keyThumbprint = key?.string.flatMap(Self.thumbprint)
    certificateThumbprint = certificate?.string.flatMap(Self.thumbprint)
    guard (key == nil) == (keyThumbprint == nil), (certificate == nil) == (certificateThumbprint == nil) else { return nil }
  }

  /// SHA-256 in base64url.
  private static func thumbprint(_ text: String) -> String? { Base64URL.decode(text)?.count == 32 ? text : nil }
}

import Bytes
import Identifiers
import JOSE

/// Another authorization server whose access tokens are good here: the one that an operator has already.
///
/// What its tokens say is taken as its word on who asks, for what and about whom. Everything else is asked as ever: the client must be
/// registered here, and consent, limits and policies are ours.
public struct TrustedIssuer: Sendable {
  /// How a token is found to be the issuer's.
  public enum Verification: Sendable {
    /// By the keys that it publishes.
    case keys(RemoteKeySet)
    /// By asking it (RFC 7662): gives the JSON of the answer. It ends by itself within a bounded time.
    case introspection(@Sendable (String) async throws -> [UInt8])
  }

  /// The claims in which it says what ours say in `client_id`, `scope`, `purpose` and the subscriber.
  public struct ClaimNames: Sendable {
    public var client = "client_id"
    /// A text with blanks or a list of texts.
    public var scope = "scope"
    /// Where the purpose is not among the scopes (`dpv:`).
    public var purpose = "purpose"
    /// A number in E.164 form, with or without `tel:`; a token without it is 2-legged. Nil: all are.
    public var subscriber: String? = "phone_number"

    public init() {}
  }

  public let issuer: String
  public let audience: String
  public let verification: Verification
  /// `typ` of the tokens, in lower case (RFC 9068 §2.1). Introspected ones need none.
  public var types: Set<String> = ["at+jwt", "application/at+jwt"]
  public var claims = ClaimNames()
  /// Its name of a client to ours, where the two differ.
  public var clients: [String: ClientID] = [:]
  /// Seconds for which an introspected token is taken on the first answer's word. A withdrawal over there is noticed no later.
  public var introspectedSeconds = 10

  public init(issuer: String, audience: String, verification: Verification) {
    self.issuer = issuer
    self.audience = audience
    self.verification = verification
  }
}

/// A token that is not ours, and whose it may be.
struct ForeignToken: Sendable {
  let text: [UInt8]
  let digest: Digest32
  let issuer: TrustedIssuer

  /// Nil when no trusted issuer is named by the token's claims, which are unverified: they serve to find whom to ask and for nothing
  /// else. A token that is no JWT is for the one that is asked about tokens.
  init?(_ text: Span<UInt8>, among issuers: [TrustedIssuer]) {
    guard !issuers.isEmpty, text.count <= 8192 else { return nil }
    guard let issuer = Self.claimedIssuer(text) else {
      guard let introspecting = issuers.first(where: \.isIntrospecting) else { return nil }
      self.init(text, introspecting)
      return
    }
    guard let trusted = issuers.first(where: { $0.issuer == issuer }) else { return nil }
    self.init(text, trusted)
  }

  private init(_ text: Span<UInt8>, _ issuer: TrustedIssuer) {
    self.text = text.bytes()
    digest = SHA256.digest(text)
    self.issuer = issuer
  }

  /// Nil when the text is no JWT with an `iss`.
  private static func claimedIssuer(_ text: Span<UInt8>) -> String? {
    guard let first = text.firstIndex(of: 0x2E), let second = text.firstIndex(of: 0x2E, from: first + 1),
      let payload = Base64URL.decode(text.extracting(first + 1..<second))
    else { return nil }
    return (try? JSONDocument(payload).root)?["iss"]?.string
  }
}

extension TrustedIssuer {
  var isIntrospecting: Bool { if case .introspection = verification { true } else { false } }
}

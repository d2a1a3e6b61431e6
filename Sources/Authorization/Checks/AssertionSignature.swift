import Bytes
import Identifiers
import JOSE
import Store

/// What a verified assertion says: by whose key it was signed, and its claims, still unchecked.
struct ClientAssertion: Sendable {
  let client: ClientRecord
  let claims: AssertionClaims
}

/// The assertion is signed by a key of the client that it names (RFC 7523 §3).
///
/// The key is found among that client's own by `kid`, and the algorithm is the key's (A1, A2, A4). Until the signature is
/// verified the claims serve to find the client and for nothing else (A11).
enum AssertionSignature {
  /// What an assertion may call itself.
  static let types: Set<String> = ["jwt", "client-authentication+jwt", "authorization-grant+jwt"]

  static func examine(_ examination: Examination) async throws(Refusal) -> ClientAssertion {
    let assertion = examination.assertion
    // A request object names the client and this server too; it is no proof of who sends it (profile item 15, RFC 8725 §3.11).
    guard assertion.jws.header.typ.map({ types.contains($0.lowercased()) }) ?? true else {
      throw examination.assertionRefused("the assertion is typed as something else")
    }
    guard let id = assertion.claimedClient,
      let client = try orUnavailable("reading the client", { try examination.server.clients.client(id) })
    else { throw examination.assertionRefused("the client is not registered") }
    guard let verified = await client.verified(assertion.jws) else {
      throw examination.assertionRefused("no key of the client signed the assertion")
    }
    guard let claims = AssertionClaims(verified.payload), claims.issuer == client.record.id.rawValue else {
      throw examination.assertionRefused("the claims of the assertion are malformed")
    }
    return ClientAssertion(client: client.record, claims: claims)
  }
}

/// The claims of an assertion that are looked at (RFC 7523 §3, OIDC Core §9).
struct AssertionClaims: Sendable, Equatable {
  var issuer: String
  var subject: String
  var audience: [String]
  var expiresAt: Int64?
  var issuedAt: Int64?
  var notBefore: Int64?
  var identifier: String?
  /// In a JWT bearer assertion, what is asked for (profile item 44).
  var scope: String?

  /// Nil when the payload is not a JSON object, repeats a key, or a claim has another type than it must.
  init?(_ payload: [UInt8]) {
    guard let claims = try? JSONDocument(payload).root, claims.kind == .object, let issuer = claims["iss"]?.string,
      let subject = claims["sub"]?.string
    else { return nil }
    self.issuer = issuer
    self.subject = subject
    guard let audience = Self.audience(claims["aud"]), let times = try? AssertionTimeClaims(claims) else { return nil }
    self.audience = audience
    expiresAt = times.expiresAt
    issuedAt = times.issuedAt
    notBefore = times.notBefore
    identifier = claims["jti"]?.string
    scope = claims["scope"]?.string
  }

  /// The values of an `aud` claim; nil when it is neither a text nor a list of texts. Absent: none.
  static func audience(_ value: JSONValue?) -> [String]? {
    guard let value else { return [] }
    return value.string.map { [$0] } ?? value.array?.map(\.string) as? [String]
  }
}

/// The times of a signed token of a client.
struct AssertionTimeClaims: Sendable, Equatable {
  let expiresAt: Int64?
  let issuedAt: Int64?
  let notBefore: Int64?

  struct NotATime: Error {}

  init(_ claims: JSONValue) throws(NotATime) {
    expiresAt = try Self.seconds(claims["exp"])
    issuedAt = try Self.seconds(claims["iat"])
    notBefore = try Self.seconds(claims["nbf"])
  }

  /// A NumericDate (RFC 7519 §2): seconds, whole or with a fraction, which is dropped.
  private static func seconds(_ value: JSONValue?) throws(NotATime) -> Int64? {
    guard let value else { return nil }
    if let whole = value.integer { return Int64(whole) }
    // Beyond 2^53 a double is no longer a count of seconds; nor is a negative one a time that matters here.
    guard let seconds = value.double, seconds >= 0, seconds < 9_007_199_254_740_992 else { throw NotATime() }
    return Int64(seconds)
  }
}

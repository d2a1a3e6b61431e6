import Bytes
import JOSE
import Store

/// The parameters that count: those of the signed request object when there is one (OIDC Core §6.1, profile items 11 to 15, 27),
/// otherwise those of the request.
enum RequestObject {
  static let bytesMaximum = 16_384
  static let lifetimeSecondsMaximum: Int64 = 300
  /// What has to stand outside of the object too, and be the same there (profile item 12).
  static let outerParameters = ["scope", "response_type", "client_id", "redirect_uri"]

  static func examine(_ examination: Examination) async throws(Refusal) -> FormParameters {
    let sent = examination.$pushed.known.flatMap(\.self) ?? examination.parameters
    guard let text = sent["request"] else { return sent }
    let claims = try await verifiedClaims(text, examination)
    try RequestObjectClaims.examine(claims, examination)
    guard let inner = FormParameters(claims: claims), !inner.hasRepeated else {
      throw Refusal(.invalidRequestObject, "a parameter in the request object has a type that it cannot have")
    }
    guard inner["request"] == nil, inner["request_uri"] == nil else {
      throw Refusal(.invalidRequestObject, "a request object holds no other one")
    }
    switch examination.flow {
    case .authorize: try compare(sent, inner)
    case .pushed: try compareClient(inner, examination)
    default: try examineRest(sent)
    }
    return inner
  }

  private static func verifiedClaims(_ text: String, _ examination: Examination) async throws(Refusal) -> JSONValue {
    let jws: CompactJWS
    do { jws = try CompactJWS(parsing: Array(text.utf8).span, bytesMaximum: bytesMaximum) } catch {
      throw Refusal(.invalidRequestObject, "the request object is not a JWS that is accepted here")
    }
    // Typed as something else, it was made for something else (RFC 8725 §3.11).
    let types = ["jwt", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"]
    guard jws.header.typ.map({ types.contains($0.lowercased()) }) ?? true else {
      throw Refusal(.invalidRequestObject, "typ of the request object is another")
    }
    guard let client = try orUnavailable("reading the client", { try examination.server.clients.client(examination.client.id) }),
      let verified = await client.verified(jws), let claims = try? JSONDocument(verified.payload).root, claims.kind == .object
    else { throw Refusal(.invalidRequestObject, "no key of the client signed the request object") }
    return claims
  }

  /// All four stand outside too, and say the same (profile item 12).
  private static func compare(_ outer: FormParameters, _ inner: FormParameters) throws(Refusal) {
    for name in outerParameters {
      guard let value = outer[name] else { throw Refusal(.invalidRequest, "\(name) has to stand beside the request object too") }
      guard let same = inner[name], same.utf8.elementsEqual(value.utf8) else {
        throw Refusal(.invalidRequestObject, "\(name) is not the same in the request object and beside it")
      }
    }
  }

  /// At the pushed authorization request endpoint all is inside (RFC 9126 §3).
  private static func compareClient(_ inner: FormParameters, _ examination: Examination) throws(Refusal) {
    guard inner["client_id"] == examination.client.id.rawValue else {
      throw Refusal(.invalidRequestObject, "client_id in the request object is not the client")
    }
  }

  /// In CIBA nothing stands beside the object but what authenticates the client (CIBA Core §7.1.1).
  private static func examineRest(_ outer: FormParameters) throws(Refusal) {
    let allowed: Set<String> = ["request", "client_id", "client_assertion", "client_assertion_type"]
    guard outer.names.isSubset(of: allowed) else {
      throw Refusal(.invalidRequest, "with a request object, all parameters have to be inside it")
    }
  }
}

extension FormParameters {
  /// The parameters that the claims of a request object are (OIDC Core §6.1): texts as they are, numbers and booleans as they are
  /// written, objects as JSON. Nil when one is null or a list. The claims of the token itself are left out.
  init?(claims: JSONValue) {
    var pairs: [(name: String, value: String)] = []
    for member in claims.keys where !["iss", "aud", "iat", "exp", "nbf", "jti", "sub"].contains(member.name) {
      switch member.value.kind {
      case .string: pairs.append((member.name, member.value.string ?? ""))
      case .array, .null: return nil
      default: pairs.append((member.name, String(decoding: member.value.raw, as: UTF8.self)))
      }
    }
    guard pairs.count <= Self.pairsMaximum else { return nil }
    self.init(pairs: pairs)
  }
}

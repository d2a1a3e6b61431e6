import Bytes
import JOSE
import Wire

/// What has to hold of an ID token (OIDC Core §3.1.3.7).
struct IDTokenExamination {
  /// By how much the server's clock may be ahead of ours.
  static let skewSeconds = 60

  let client: FlowClient
  let metadata: ServerMetadata
  /// What was sent with the request; nil where none was.
  let nonce: String?
  var number: String?

  private var report: FlowReport { client.report }

  /// Whether it is there when it should be, and if so, all of it.
  ///
  /// - Parameter isWanted: `openid` was asked for; nil where the answer may or may not bring one.
  func examine(_ tokens: TokenSet, isWanted: Bool?) async throws(CommandFailure) {
    guard let idToken = tokens.idToken else {
      if isWanted == true { report.check("there is an ID token, for openid was asked for", "profile item 61", false) }
      return
    }
    if isWanted == false { report.recommend("no ID token, for openid was not asked for", "profile item 55", false) }
    let response = try await client.send(
      "The issuer's keys", FlowRequest(method: "GET", address: try metadata.endpoint("jwks_uri")))
    report.begin("The ID token")
    guard let claims = verified(idToken, response) else { return }
    report.detail("claims", claims.raw)
    examine(claims)
    examineHash(claims, tokens)
  }

  /// The claims, once the signature is found good.
  private func verified(_ idToken: String, _ response: HTTPResponse) -> JSONValue? {
    let rule = "OIDC Core §3.1.3.7"
    var claims: JSONValue?
    do {
      guard response.status == 200 else { throw CommandFailure("the keys cannot be had: \(response.status)") }
      let keys = try JWKSet(json: JSONDocument(response.body).root)
      let verified = try CompactJWS(parsing: Array(idToken.utf8).span).verified { keys.key(kid: $0.kid, algorithm: $0.algorithm) }
      claims = try JSONDocument(verified.payload).root
    } catch {
      report.note("the ID token cannot be verified: \(error)")
    }
    report.check("its signature is the issuer's", rule, claims != nil)
    return claims
  }

  private func examine(_ claims: JSONValue) {
    let rule = "OIDC Core §3.1.3.7"
    let now = Int(client.time.now().seconds)
    report.check("iss is the issuer", rule, claims["iss"]?.string == metadata.issuer)
    let audience = claims["aud"]?.string.map { [$0] } ?? (claims["aud"]?.array ?? []).compactMap(\.string)
    report.check("aud is this client", rule, audience.contains(client.party.client))
    if audience.count > 1 || claims["azp"] != nil {
      report.check("azp is this client", rule, claims["azp"]?.string == client.party.client)
    }
    report.check("exp is in the future", rule, Self.seconds(claims["exp"]).map { $0 > now } ?? false)
    report.check(
      "iat is there and not in the future", rule, Self.seconds(claims["iat"]).map { $0 <= now + Self.skewSeconds } ?? false)
    if let nonce { report.check("nonce is the one that was sent", rule, claims["nonce"]?.string == nonce) }
    let subject = claims["sub"]?.string ?? ""
    report.check("sub is there", "OIDC Core §2", !subject.isEmpty)
    if let number {
      report.check(
        "sub is neither the number nor a plain digest of it", "profile item 62", !PersonalNumber(number).isRevealed(by: subject))
      report.check(
        "the number cannot be read in it", "profile item 62",
        !PersonalNumber(number).isReadable(in: String(decoding: claims.raw, as: UTF8.self)))
    }
  }

  /// `at_hash`, when it is there: the left half of the access token's digest (OIDC Core §3.1.3.6). Of the algorithms with SHA-256
  /// alone; for the others nothing is said.
  private func examineHash(_ claims: JSONValue, _ tokens: TokenSet) {
    guard let hash = claims["at_hash"]?.string, let header = tokens.idToken?.split(separator: ".").first,
      let bytes = Base64URL.decode(String(header)), let name = (try? JSONDocument(bytes))?.root["alg"]?.string,
      name.hasSuffix("256")
    else { return }
    let digest = SHA256.digest(Array(tokens.accessToken.utf8)).bytes
    report.check("at_hash is the access token's", "OIDC Core §3.1.3.6", hash == Base64URL.encode(Array(digest.prefix(16))))
  }

  /// RFC 7519 §2: not necessarily whole.
  private static func seconds(_ value: JSONValue?) -> Int? {
    value?.integer ?? value?.double.flatMap { abs($0) < 1e15 ? Int($0.rounded(.down)) : nil }
  }
}

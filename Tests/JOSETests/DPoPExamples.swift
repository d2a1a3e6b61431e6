import Bytes

@testable import JOSE

/// RFC 9449's own proofs, with the times that stand in them.
enum DPoPExamples {
  private static let header =
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldW"
    + "QVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
  /// §4.1 and §5: for the token endpoint.
  static let tokenRequest =
    header
    + ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYy"
    + "NjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
  /// §5: with the refresh token.
  static let refreshRequest =
    header
    + ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjY1"
    + "Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsGSuKDYW7_X620BxqhvYC8ynrrvZLTk41mSRroapUA"
  /// §7.1: for a protected resource.
  static let resourceRequest =
    header
    + ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIs"
    + "ImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPP"
    + "ToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
  static let accessToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
  /// §6.1.
  static let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
}

/// Makes proofs, right ones unless told otherwise.
struct Prover {
  let key: SigningKey
  var typ: String? = "\"dpop+jwt\""
  var alg: String
  /// JSON; the key's own unless changed.
  var jwk: String
  var extraHeader = ""

  init(_ algorithm: SignatureAlgorithm = .es256) throws { self.init(try SigningKey.generate(algorithm)) }

  init(_ key: SigningKey) {
    self.key = key
    alg = "\"\(key.algorithm.rawValue)\""
    var writer = JSONWriter()
    key.verificationKey.appendJWK(to: &writer)
    jwk = String(decoding: writer.bytes, as: UTF8.self)
  }

  static let claims: [String: String] = [
    "jti": "\"one\"", "htm": "\"POST\"", "htu": "\"https://api.example/sim-swap/v2/check\"", "iat": "1700000000",
  ]

  /// - Parameter changes: claims as JSON; nil takes one away.
  func proof(_ changes: [String: String?] = [:]) throws -> String {
    var claims: [String: String?] = Self.claims
    for (name, value) in changes { claims.updateValue(value, forKey: name) }
    return try proof(
      payload: "{" + claims.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }.joined(separator: ",") + "}")
  }

  func proof(payload: String) throws -> String {
    let typ = typ.map { "\"typ\":\($0)," } ?? ""
    return try signed("{\(typ)\"alg\":\(alg),\"jwk\":\(jwk)\(extraHeader)}", payload, by: key)
  }
}

func dpop(_ text: String, known: DPoPKey? = nil) throws(JOSEError) -> DPoPProof {
  let bytes = Array(text.utf8)
  return try DPoPProof(verifying: bytes.span, known: known)
}

extension DPoPProof {
  /// `fault` for texts.
  func fault(
    _ method: String, _ url: String, at seconds: Int64, token: String? = nil, body: String = "", query: String? = nil,
    demanded: RequestClaims = []
  ) -> Fault? {
    let (method, body, now) = (Array(method.utf8), Array(body.utf8), Timestamp(seconds: seconds))
    let digest = token.map { SHA256.digest(Array($0.utf8)) }
    guard let query else {
      return fault(
        method: method.span, url: TargetURI(url)!, now: now, accessTokenDigest: digest, body: body.span, query: nil,
        demanded: demanded)
    }
    let bytes = Array(query.utf8)
    return fault(
      method: method.span, url: TargetURI(url)!, now: now, accessTokenDigest: digest, body: body.span, query: bytes.span,
      demanded: demanded)
  }
}

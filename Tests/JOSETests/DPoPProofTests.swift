import Bytes
import Testing

@testable import JOSE

/// What is a DPoP proof at all (RFC 9449 §4.2 and §4.3 checks 2 to 7).
@Suite struct DPoPProofTests {
  @Test func theProofsOfTheRFCVerify() throws {
    let proof = try dpop(DPoPExamples.tokenRequest)
    #expect(proof.thumbprint == DPoPExamples.thumbprint)
    #expect((proof.jti, proof.htm, proof.htu) == ("-BwC3ESc6acc2lTc", "POST", "https://server.example.com/token"))
    #expect(proof.issuedAt == 1_562_262_616 && proof.ath == nil && proof.nonce == nil)
    #expect(try dpop(DPoPExamples.refreshRequest).issuedAt == 1_562_265_296)
    #expect(try dpop(DPoPExamples.resourceRequest).ath == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")
  }

  @Test(arguments: SignatureAlgorithm.allCases) func everyAlgorithmThatSignsTokensSignsProofs(_ algorithm: SignatureAlgorithm)
    throws
  {
    let prover = try Prover(algorithm)
    #expect(try dpop(prover.proof()).thumbprint == prover.key.kid)
  }

  @Test func aKeyThatStatesNoAlgorithmTakesTheHeaders() throws {
    var prover = try Prover(.ps256)
    prover.jwk = prover.jwk.replacing(#","alg":"PS256""#, with: "")
    #expect(try dpop(prover.proof()).thumbprint == prover.key.kid)
    prover.alg = #""ES256""#
    #expect(throws: JOSEError.unsupportedAlgorithm) { try dpop(prover.proof()) }
  }

  @Test func theClaimsOfCAMARAAreReadAndOthersIgnored() throws {
    let proof = try dpop(
      Prover().proof(["camara:bh": #""b""#, "camara:qh": #""q""#, "nonce": #""n""#, "camara:xh": "[1]", "exp": "0"]))
    #expect((proof.bodyHash, proof.queryHash, proof.nonce) == ("b", "q", "n"))
  }

  @Test(arguments: [#""DPOP+JWT""#, #""dpop+JWT""#]) func lettersOfTheTypeHaveNoCase(_ type: String) throws {
    var prover = try Prover()
    prover.typ = type
    _ = try dpop(prover.proof())
  }

  @Test(arguments: [
    #""application/dpop+jwt""#, #""JWT""#, #""at+jwt""#, #""dpop+jwt ""#, #""""#, "null", "1", #"["dpop+jwt"]"#, nil,
  ])
  func anotherTypeIsRefused(_ type: String?) throws {
    var prover = try Prover()
    prover.typ = type
    #expect(throws: JOSEError.self) { try dpop(prover.proof()) }
  }

  @Test(arguments: [#""none""#, #""HS256""#, #""ES384""#, #""es256""#, "null", "1"])
  func anotherAlgorithmIsRefused(_ name: String) throws {
    var prover = try Prover()
    prover.alg = name
    #expect(throws: JOSEError.unsupportedAlgorithm) { try dpop(prover.proof()) }
  }

  @Test(arguments: [
    "null", "[]", #""x""#, "{}", #"{"kty":"oct","k":"AAAA"}"#, #"{"kty":"EC","crv":"P-256"}"#,
    #"{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}"#,
    #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kty":"AKP","alg":"ML-DSA-44"}"#,
  ])
  func aKeyThatIsNoneIsRefused(_ jwk: String) throws {
    var prover = try Prover()
    prover.jwk = jwk
    #expect(throws: JOSEError.self) { try dpop(prover.proof()) }
  }

  @Test(arguments: ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]) func aKeyThatShowsASecretIsRefused(_ member: String) throws {
    var prover = try Prover()
    prover.jwk = prover.jwk.replacing(#""kty""#, with: "\"\(member)\":\"AAAA\",\"kty\"")
    #expect(throws: JOSEError.badKey("it holds a secret")) { try dpop(prover.proof()) }
  }

  @Test(arguments: [#""use":"enc","#, #""key_ops":["sign"],"#, #""kty":"EC","#, #""x":"AA","#])
  func aKeyForSomethingElseOrWithAMemberTwiceIsRefused(_ member: String) throws {
    var prover = try Prover()
    prover.jwk = prover.jwk.replacing(#","use":"sig""#, with: "").replacing(#"{""#, with: "{" + member + #"""#)
    #expect(throws: JOSEError.self) { try dpop(prover.proof()) }
  }

  @Test func theKeyOfSomebodyElseDoesNotVerify() throws {
    var prover = try Prover()
    prover.jwk = try Prover().jwk
    #expect(throws: JOSEError.badSignature) { try dpop(prover.proof()) }
  }

  @Test(arguments: [#","crit":["exp"]"#, #","b64":false"#, #","alg":"ES256""#, #","jwk":{}"#, #","typ":"dpop+jwt""#])
  func aHeaderThatCouldBeReadInTwoWaysIsRefused(_ extra: String) throws {
    var prover = try Prover()
    prover.extraHeader = extra
    #expect(throws: JOSEError.self) { try dpop(prover.proof()) }
  }

  @Test(
    arguments: ["jti", "htm", "htu", "iat", "ath", "nonce", "camara:bh", "camara:qh"],
    ["null", "true", "[]", "{}", "\"", "1", nil])
  func aClaimOfAnotherKindIsRefused(_ claim: String, _ value: String?) throws {
    let mayBeAbsent = !["jti", "htm", "htu", "iat"].contains(claim)
    if claim == "iat" && value == "1" || mayBeAbsent && value == nil { return }
    let prover = try Prover()
    #expect(throws: JOSEError.self) { try dpop(prover.proof([claim: value])) }
  }

  @Test(arguments: ["\"1700000000\"", "1e300", "-1e300", "NaN", "99999999999999999999999"])
  func aTimeThatIsNoneIsRefused(_ time: String) throws {
    #expect(throws: JOSEError.self) { try dpop(Prover().proof(["iat": time])) }
  }

  @Test func aTimeNeedNotBeWhole() throws { #expect(try dpop(Prover().proof(["iat": "1700000000.9"])).issuedAt == 1_700_000_000) }

  @Test(arguments: [(0, false), (1, true), (256, true), (257, false)]) func theJTIHasBounds(_ count: Int, _ isGood: Bool) throws {
    let text = try Prover().proof(["jti": "\"" + String(repeating: "j", count: count) + "\""])
    #expect(((try? dpop(text)) != nil) == isGood)
  }

  @Test func aClaimThatStandsTwiceIsRefused() throws {
    let payload = #"{"jti":"a","htm":"POST","htu":"https://a.example/","iat":1,"htm":"GET"}"#
    #expect(throws: JOSEError.malformed("proof: not JSON")) { try dpop(Prover().proof(payload: payload)) }
  }

  @Test(arguments: ["[]", "\"x\"", "1", "null", "", "{", "{}x"]) func aPayloadThatIsNoObjectIsRefused(_ payload: String) throws {
    #expect(throws: JOSEError.self) { try dpop(Prover().proof(payload: payload)) }
  }

  @Test func aProofMayBeAsLongAsTheLimitAndNoLonger() throws {
    let prover = try Prover()
    func proof(_ padding: Int) throws -> String {
      try prover.proof(["pad": "\"" + String(repeating: "x", count: padding) + "\""])
    }
    let base = 5000
    let short = try proof(base).utf8.count
    let most = base + (DPoPProof.bytesMaximum - short) * 3 / 4
    let fitting = try (most - 4...most + 8).map { try proof($0) }
    #expect(fitting.contains { $0.utf8.count >= DPoPProof.bytesMaximum - 1 && (try? dpop($0)) != nil })
    for text in fitting { #expect(((try? dpop(text)) != nil) == (text.utf8.count <= DPoPProof.bytesMaximum)) }
  }

  @Test func oneProofIsOneCompactJWS() throws {
    let text = try Prover().proof()
    for other in ["", ".", "..", text + ".", text + "." + text, text + "," + text, text + " ", " " + text, text + "="] {
      #expect(throws: JOSEError.self) { try dpop(other) }
    }
  }

  @Test func aKnownKeyIsTakenForTheSameHeaderAlone() throws {
    let (prover, other) = (try Prover(), try Prover())
    let known = try dpop(prover.proof()).key
    #expect(try dpop(prover.proof(["jti": #""two""#]), known: known).thumbprint == prover.key.kid)
    #expect(try dpop(other.proof(), known: known).thumbprint == other.key.kid)
    // The header of one and the signature of another.
    let (honest, forged) = (try prover.proof().split(separator: "."), try other.proof().split(separator: "."))
    #expect(throws: JOSEError.badSignature) { try dpop("\(honest[0]).\(forged[1]).\(forged[2])", known: known) }
  }

  /// A4: elsewhere a header's key is not listened to.
  @Test func aTokenStillDoesNotChooseItsKey() throws {
    let (prover, issuer) = (try Prover(), try SigningKey.generate(.es256))
    #expect(refusal(try prover.proof(), issuer.verificationKey) == .badSignature)
  }
}

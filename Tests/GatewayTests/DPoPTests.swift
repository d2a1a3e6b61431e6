import Bytes
import Dispatch
import Foundation
import JOSE
import Synchronization
import Testing

@testable import Gateway

/// Bound tokens on the wire (RFC 9449 §7, A46). A call whose token and proof are good is refused with 403 for want of a scope:
/// there is no backend here.
@Suite struct DPoPTests {
  @Test func aBoundTokenWithItsProofIsTaken() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.boundToken()
    for _ in 0..<3 {
      #expect(try gateway.call(token: token, proof: gateway.proof(for: token)).status == 403)
      #expect(try gateway.lastReason() == "scope_missing")
    }
    let fields = [("authorization", "dpop \(token)"), ("dpop", try gateway.proof(for: token))]
    #expect(try gateway.call(fields).status == 403)
  }

  @Test func aBearerTokenIsTakenAsBefore() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.token(cnf: nil)
    #expect(try gateway.call([("Authorization", "Bearer \(token)")]).status == 403)
    #expect(try gateway.call([("Authorization", "Bearer \(token)"), ("DPoP", "not looked at")]).status == 403)
  }

  @Test func aBoundTokenIsNoBearerToken() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.boundToken()
    let proof = try gateway.proof(for: token)
    // Also when it is remembered from a good call.
    for _ in 0..<2 {
      for fields in [[("Authorization", "Bearer \(token)")], [("Authorization", "Bearer \(token)"), ("DPoP", proof)]] {
        let answer = try gateway.call(fields)
        #expect(answer.status == 401 && answer.code == "UNAUTHENTICATED")
        #expect(try gateway.lastReason() == "bound_token_as_bearer")
      }
      #expect(try gateway.call(token: token, proof: gateway.proof(for: token)).status == 403)
    }
  }

  @Test func aTokenThatIsNotBoundProvesNothing() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.token(cnf: nil)
    #expect(try gateway.call(token: token, proof: gateway.proof(for: token)).status == 401)
    #expect(try gateway.lastReason() == "token_not_bound")
  }

  @Test(arguments: [
    "{}", "null", #""x""#, #"{"jkt":1}"#, #"{"jkt":"short"}"#, #"{"x5t":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#,
  ])
  func aConfirmationThatIsNotUnderstoodIsNotOverlooked(_ cnf: String) async throws {
    let gateway = try await TestGateway()
    let token = try gateway.token(cnf: cnf)
    #expect(try gateway.call([("Authorization", "Bearer \(token)")]).status == 401)
    #expect(try gateway.call(token: token, proof: gateway.proof(for: token)).status == 401)
    #expect(try gateway.lastReason() == "token_claims")
  }

  @Test func aTokenThatIsBoundToACertificateWantsIt() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.token(cnf: #"{"x5t#S256":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#)
    #expect(try gateway.call([("Authorization", "Bearer \(token)")]).status == 401)
    #expect(try gateway.lastReason() == "certificate_missing")
  }

  @Test func aWrongProofIsRefusedWithCAMARAsError() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.boundToken()
    let answer = try gateway.call([("Authorization", "DPoP \(token)")])
    #expect(answer.status == 400 && answer.code == "invalid_dpop_proof")
    #expect(try JSONDocument(Array(answer.body.utf8)).root["status"]?.integer == 400)
    #expect(answer.values("www-authenticate") == [#"DPoP error="invalid_dpop_proof", algs="ES256 ES384 RS256 PS256 EdDSA""#])
    #expect(try gateway.lastReason() == "proof_missing")
  }

  @Test func everythingThatDoesNotFitIsRefused() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.boundToken()
    let now = gateway.time.now().seconds
    let hash = "\"\(SHA256.digest(Array("{ }".utf8)).base64url)\""
    let wrong: [([String: String?], String)] = [
      (["htm": #""GET""#], "proof_method"), (["htu": #""https://inside.example\#(TestGateway.path)""#], "proof_url"),
      (["htu": #""https://api.example/device-identifier/v0.3/retrieve-type""#], "proof_url"),
      (["iat": "\(now - 301)"], "proof_too_old"),
      (["iat": "\(now + 6)"], "proof_in_future"), (["ath": nil], "proof_other_token"), (["ath": hash], "proof_other_token"),
      (["camara:bh": hash], "proof_body"), (["camara:qh": hash], "proof_query"), (["jti": nil], "proof_invalid"),
      (["jti": #""""#], "proof_invalid"),
    ]
    for (changes, reason) in wrong {
      let answer = try gateway.call(token: token, proof: gateway.proof(for: token, changes))
      #expect(answer.status == 400 && answer.code == "invalid_dpop_proof", "\(changes)")
      #expect(try gateway.lastReason() == reason)
    }
    let other = try gateway.proof(for: token, by: SigningKey.generate(.es256))
    #expect(try gateway.call(token: token, proof: other).status == 400)
    #expect(try gateway.lastReason() == "proof_other_key")
    #expect(try gateway.call(token: token, proof: gateway.proof(for: token) + "A").status == 400)
    #expect(try gateway.lastReason() == "proof_invalid")
  }

  @Test func twoProofsAreNone() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.boundToken()
    let fields = [
      ("Authorization", "DPoP \(token)"), ("DPoP", try gateway.proof(for: token)), ("DPoP", try gateway.proof(for: token)),
    ]
    #expect(try gateway.call(fields).code == "invalid_dpop_proof")
    #expect(try gateway.lastReason() == "proof_twice")
  }

  @Test func aProofWorksOnceOnWhateverLoop() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.boundToken()
    let proof = try gateway.proof(for: token)
    let taken = Atomic<Int>(0)
    let replayed = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      guard let answer = try? gateway.call(token: token, proof: proof) else { return }
      if answer.status == 403 { taken.add(1, ordering: .relaxed) }
      if answer.code == "invalid_dpop_proof" { replayed.add(1, ordering: .relaxed) }
    }
    #expect(taken.load(ordering: .relaxed) == 1 && replayed.load(ordering: .relaxed) == 7)
    gateway.time.advance(seconds: 300)
    #expect(try gateway.call(token: token, proof: proof).status == 400)
    #expect(try gateway.lastReason() == "proof_replayed")
    gateway.time.advance(seconds: 1)
    #expect(try gateway.call(token: token, proof: proof).status == 400)
    #expect(try gateway.lastReason() == "proof_too_old")
  }

  @Test func aProofThatWasRefusedIsNotUsedUp() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.boundToken()
    let proof = try gateway.proof(for: token, ["camara:bh": "\"\(SHA256.digest(Array("{ }".utf8)).base64url)\""])
    #expect(try gateway.call(token: token, proof: proof, body: "{  }").status == 400)
    #expect(try gateway.call(token: token, proof: proof, body: "{ }").status == 403)
  }

  @Test func proofsFromBeforeTheStartAreRefused() async throws {
    let gateway = try await TestGateway()
    let token = try gateway.boundToken()
    let before = gateway.time.now().seconds - 1
    #expect(try gateway.call(token: token, proof: gateway.proof(for: token, ["iat": "\(before)"])).status == 400)
    #expect(try gateway.lastReason() == "proof_before_memory")
  }

  @Test func whenNoMoreProofsCanBeRememberedCallsAreRefused() async throws {
    let gateway = try await TestGateway(dpop: { $0.proofsRemembered = 64 })
    let token = try gateway.boundToken()
    var statuses: Set<Int> = []
    for _ in 0..<130 { statuses.insert(try gateway.call(token: token, proof: gateway.proof(for: token)).status) }
    #expect(statuses == [403, 503])
    #expect(try gateway.call([("Authorization", "Bearer \(try gateway.token(cnf: nil))")]).status == 403)
  }

  @Test func demandedClaimsMustBeThere() async throws {
    let gateway = try await TestGateway(dpop: { $0.demandedClaims = [.body, .query] })
    let token = try gateway.boundToken()
    let body = "\"\(SHA256.digest(Array("{}".utf8)).base64url)\""
    let query = "\"\(SHA256.digest(Array("a=%20b".utf8)).base64url)\""
    let target = TestGateway.path + "?a=%20b"
    #expect(try gateway.call(token: token, proof: gateway.proof(for: token)).status == 400)
    #expect(try gateway.lastReason() == "proof_body")
    #expect(try gateway.call(token: token, proof: gateway.proof(for: token, ["camara:bh": body])).status == 403)
    #expect(try gateway.call(token: token, proof: gateway.proof(for: token, ["camara:bh": body]), target).status == 400)
    #expect(try gateway.lastReason() == "proof_query")
    let both = try gateway.proof(for: token, ["camara:bh": body, "camara:qh": query])
    #expect(try gateway.call(token: token, proof: both, target).status == 403)
  }

  @Test func aClientRegisteredForBoundTokensHasNoOthers() async throws {
    let gateway = try await TestGateway(client: { $0.dpopBoundAccessTokens = true })
    #expect(try gateway.call([("Authorization", "Bearer \(try gateway.token(cnf: nil))")]).status == 401)
    #expect(try gateway.lastReason() == "token_not_bound")
    let token = try gateway.boundToken()
    #expect(try gateway.call(token: token, proof: gateway.proof(for: token)).status == 403)
  }

  @Test func whereItIsRequiredThereAreNoBearerTokens() async throws {
    let gateway = try await TestGateway(dpop: { $0.mode = .required })
    let answer = try gateway.call([("Authorization", "Bearer \(try gateway.token(cnf: nil))")])
    #expect(answer.status == 401)
    #expect(answer.values("www-authenticate").allSatisfy { $0.hasPrefix("DPoP ") })
    #expect(try gateway.lastReason() == "token_not_bound")
    let token = try gateway.boundToken()
    #expect(try gateway.call(token: token, proof: gateway.proof(for: token)).status == 403)
  }

  @Test func whereItIsOffThereAreBearerTokensAlone() async throws {
    let gateway = try await TestGateway(client: { $0.dpopBoundAccessTokens = true }, dpop: { $0.mode = .off })
    let plain = try gateway.token(cnf: nil)
    #expect(try gateway.call([("Authorization", "Bearer \(plain)"), ("DPoP", "x")]).status == 403)
    #expect(try gateway.call(token: plain, proof: gateway.proof(for: plain)).status == 401)
    // One from before it was switched off: what it demands cannot be checked.
    let bound = try gateway.boundToken()
    #expect(try gateway.call([("Authorization", "Bearer \(bound)")]).status == 401)
    #expect(try gateway.call(token: bound, proof: gateway.proof(for: bound)).status == 401)
    #expect(try gateway.call([]).values("www-authenticate") == [#"Bearer realm="https://api.example""#])
  }

  @Test func theSchemesAreNamedToWhoHasNoToken() async throws {
    let gateway = try await TestGateway()
    #expect(
      try gateway.call([]).values("www-authenticate") == [
        #"Bearer realm="https://api.example""#, #"DPoP algs="ES256 ES384 RS256 PS256 EdDSA""#,
      ])
    #expect(
      try gateway.call([("Authorization", "DPoP x.y.z")]).values("www-authenticate").last
        == #"DPoP error="invalid_token", algs="ES256 ES384 RS256 PS256 EdDSA""#)
  }

  @Test(arguments: ["DPoP", "DPoP ", "DPoPx", "Basic eDp5", "Bearer", "Bearer ", "DPoP\tx.y.z", ""])
  func whatIsNoTokenIsRefused(_ value: String) async throws {
    let gateway = try await TestGateway()
    #expect(try gateway.call([("Authorization", value)]).status == 401)
  }
}

import Bytes
import Testing

@testable import JOSE

/// Whether a proof is for this request (RFC 9449 §4.3 checks 8 to 12, CAMARA profile items 5 and 8).
@Suite struct DPoPFaultTests {
  private static let url = "https://api.example/sim-swap/v2/check"
  private static let time: Int64 = 1_700_000_000

  private static func hash(_ text: String) -> String { "\"" + SHA256.digest(Array(text.utf8)).base64url + "\"" }

  private static func proof(_ changes: [String: String?] = [:]) throws -> DPoPProof { try dpop(Prover().proof(changes)) }

  @Test func theProofsOfTheRFCFitTheirRequestsAtTheirTimes() throws {
    let token = try dpop(DPoPExamples.tokenRequest)
    #expect(token.fault("POST", "https://server.example.com/token", at: 1_562_262_616) == nil)
    let resource = try dpop(DPoPExamples.resourceRequest)
    let url = "https://resource.example.org/protectedresource"
    #expect(resource.fault("GET", url, at: 1_562_262_618, token: DPoPExamples.accessToken) == nil)
    #expect(resource.fault("GET", url, at: 1_562_262_618, token: DPoPExamples.accessToken + "x") == .token)
    #expect(resource.fault("POST", url, at: 1_562_262_618, token: DPoPExamples.accessToken) == .method)
    #expect(resource.fault("GET", url + "s", at: 1_562_262_618, token: DPoPExamples.accessToken) == .url)
    #expect(resource.fault("GET", url, at: 1_562_262_919, token: DPoPExamples.accessToken) == .tooOld)
  }

  @Test(arguments: [(-301, DPoPProof.Fault.tooOld), (-300, nil), (0, nil), (5, nil), (6, .inFuture), (86_400, .inFuture)])
  func aProofHasItsTime(_ offset: Int, _ fault: DPoPProof.Fault?) throws {
    let proof = try Self.proof(["iat": "\(Int(Self.time) + offset)"])
    #expect(proof.fault("POST", Self.url, at: Self.time) == fault)
  }

  @Test(arguments: ["post", "POST ", "GET", "", "PO\\u0053T\\u0301"]) func theMethodIsComparedByteForByte(_ method: String) throws
  {
    #expect(try Self.proof(["htm": "\"\(method)\""]).fault("POST", Self.url, at: Self.time) == .method)
  }

  @Test(arguments: [
    "https://api.example/sim-swap/v2/check", "HTTPS://API.Example/sim-swap/v2/check", "https://api.example:443/sim-swap/v2/check",
    "https://api.example:/sim-swap/v2/check", "https://api.example/sim-swap/v2/check?a=b",
    "https://api.example/sim-swap/v2/check#x",
    "https://api.example/sim-swap/v2/check?a=b#c?d",
  ])
  func theURLIsComparedAfterNormalisation(_ htu: String) throws {
    #expect(try Self.proof(["htu": "\"\(htu)\""]).fault("POST", Self.url, at: Self.time) == nil)
  }

  @Test(arguments: [
    "", "/sim-swap/v2/check", "//api.example/sim-swap/v2/check", "http://api.example/sim-swap/v2/check",
    "https://api.example:80/sim-swap/v2/check", "https://api.example:0443/sim-swap/v2/check", "https://api.example",
    "https://api.example:8443/sim-swap/v2/check", "https://api.example./sim-swap/v2/check",
    "https://api.example/sim-swap/v2/check/",
    "https://api.example//sim-swap/v2/check", "https://api.example/sim-swap/v2/Check", "https://api.example/sim-swap/v2/%63heck",
    "https://api.example/sim-swap/v2/./check", "https://api.example/sim-swap/v2/x/../check",
    "https://a@api.example/sim-swap/v2/check",
    "https://api.example\\\\@evil.example/sim-swap/v2/check", "https://evil.example/https://api.example/sim-swap/v2/check",
    "https://api.example /sim-swap/v2/check", " https://api.example/sim-swap/v2/check", "https:///sim-swap/v2/check",
    "https:/api.example/sim-swap/v2/check", "wss://api.example/sim-swap/v2/check", "https://api.example:443443/sim-swap/v2/check",
    "https://api.example:443:443/sim-swap/v2/check", "https://api.example/sim-swap/v2/check\\u0000",
    "https://api.example:x/sim-swap/v2/check",
    "https://\\u0430pi.example/sim-swap/v2/check", "https://api.example/sim-swap/v2/check;x",
  ])
  func anotherURLIsAnother(_ htu: String) throws {
    #expect(try Self.proof(["htu": "\"\(htu)\""]).fault("POST", Self.url, at: Self.time) == .url)
  }

  @Test func anEmptyPathIsASlashAndAPortThatIsNotTheDefaultStays() throws {
    #expect(TargetURI("https://api.example") == TargetURI("https://api.example/"))
    #expect(TargetURI("https://api.example?x") == TargetURI("https://api.example/"))
    #expect(TargetURI("http://[::1]:80/x") == TargetURI("http://[::1]/x"))
    #expect(TargetURI("http://[2001:DB8::1]:8080/x") == TargetURI("http://[2001:db8::1]:8080/x"))
    #expect(TargetURI("http://[::1]:8080/x") != TargetURI("http://[::1]/x"))
    #expect(TargetURI("https://api.example:80/") != TargetURI("https://api.example/"))
    let path = Array("/a/%2F".utf8)
    #expect(
      TargetURI(origin: TargetURI("https://API.example:443/ignored?x")!, path: path.span)
        == TargetURI("https://api.example/a/%2F"))
  }

  @Test func aTokenIsAskedForWhereOneWasSent() throws {
    let bound = try Self.proof(["ath": Self.hash("token")])
    #expect(bound.fault("POST", Self.url, at: Self.time, token: "token") == nil)
    #expect(bound.fault("POST", Self.url, at: Self.time, token: "other") == .token)
    #expect(bound.fault("POST", Self.url, at: Self.time) == nil)
    #expect(try Self.proof().fault("POST", Self.url, at: Self.time, token: "token") == .token)
    #expect(
      try Self.proof(["ath": Self.hash("token").replacing("\"", with: "") + "="].mapValues { "\"\($0)\"" })
        .fault("POST", Self.url, at: Self.time, token: "token") == .token)
  }

  @Test func aHashOfTheBodyIsComparedWheneverItIsThere() throws {
    let hashed = try Self.proof(["camara:bh": Self.hash("{}")])
    #expect(hashed.fault("POST", Self.url, at: Self.time, body: "{}") == nil)
    for other in ["{} ", "{ }", ""] { #expect(hashed.fault("POST", Self.url, at: Self.time, body: other) == .body) }
    let plain = try Self.proof()
    #expect(plain.fault("POST", Self.url, at: Self.time, body: "{}") == nil)
    #expect(plain.fault("POST", Self.url, at: Self.time, body: "{}", demanded: .body) == .body)
    #expect(plain.fault("POST", Self.url, at: Self.time, body: "", demanded: .body) == nil)
    #expect(try Self.proof(["camara:bh": Self.hash("")]).fault("POST", Self.url, at: Self.time) == nil)
  }

  @Test func aHashOfTheQueryIsComparedWheneverItIsThere() throws {
    let hashed = try Self.proof(["camara:qh": Self.hash("a=1&b=%20")])
    #expect(hashed.fault("POST", Self.url, at: Self.time, query: "a=1&b=%20") == nil)
    for other in ["a=1&b=+", "b=%20&a=1", "", nil] {
      #expect(hashed.fault("POST", Self.url, at: Self.time, query: other) == .query)
    }
    let plain = try Self.proof()
    #expect(plain.fault("POST", Self.url, at: Self.time, query: "a") == nil)
    #expect(plain.fault("POST", Self.url, at: Self.time, query: "a", demanded: .query) == .query)
    for none in ["", nil] {
      #expect(plain.fault("POST", Self.url, at: Self.time, query: none, demanded: [.query, .body]) == nil)
    }
  }

  @Test func demandedClaimsHaveNames() {
    #expect(DPoPProof.RequestClaims(name: "camara:bh") == .body)
    #expect(DPoPProof.RequestClaims(name: "camara:qh") == .query)
    #expect(DPoPProof.RequestClaims(name: "bh") == nil)
    #expect(([.body, .query] as DPoPProof.RequestClaims).names == ["camara:bh", "camara:qh"])
  }
}

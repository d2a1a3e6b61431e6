import Bytes
import Testing
import Wire

@testable import passerelle

/// What a tester sees of a flow can be pasted into an issue: no secret is in it that could still be used.
@Suite struct SecretsTests {
  private let secrets = Secrets(areShown: false)

  @Test(arguments: [("eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "eyJhbGci…"), ("0123456789", "01234…"), ("abc", "a…"), ("", "…")])
  func aSecretIsShownByItsBeginningAndNeverByMoreThanHalf(_ secret: String, _ shown: String) {
    #expect(Secrets.shortened(secret) == shown)
  }

  @Test func parametersAreShortenedByTheirNames() {
    for name in ["code", "code_verifier", "client_assertion", "assertion", "refresh_token", "auth_req_id", "request"] {
      #expect(secrets.parameter(name, "0123456789abcdef") == "01234567…")
    }
    for name in ["state", "scope", "grant_type", "code_challenge", "request_uri"] {
      #expect(secrets.parameter(name, "0123456789abcdef") == "0123456789abcdef")
    }
  }

  @Test func anOperatorTokenIsACredentialAndANumberIsNot() {
    #expect(secrets.parameter("login_hint", "operatortoken:0123456789abcdef") == "operatortoken:01234567…")
    #expect(
      secrets.address("https://a.example/?login_hint=operatortoken%3A0123456789abcdef").hasSuffix("operatortoken%3A01234567…"))
    #expect(secrets.parameter("login_hint", "tel:+33639980001") == "tel:+33639980001")
    let claims = try? JSONDocument(Array(#"{"sub":"operatortoken:0123456789abcdef"}"#.utf8)).root
    #expect(claims.map { String(decoding: secrets.json($0), as: UTF8.self) } == #"{"sub":"operatortoken:01234567…"}"#)
  }

  @Test func addressesKeepWhatIsNoSecret() {
    #expect(
      secrets.address("http://127.0.0.1:8090/callback?code=0123456789abcdef&state=s&iss=x")
        == "http://127.0.0.1:8090/callback?code=01234567…&state=s&iss=x")
    #expect(secrets.address("http://127.0.0.1/?code&&x") == "http://127.0.0.1/?code&&x")
  }

  @Test func headerFieldsKeepTheirForm() {
    #expect(secrets.field("Authorization", "DPoP 0123456789abcdef0123") == "DPoP 01234567…")
    #expect(secrets.field("Set-Cookie", "sid=0123456789abcdef0123; Path=/; HttpOnly") == "sid=01234567…; Path=/; HttpOnly")
    #expect(secrets.field("cookie", "0123456789abcdef0123") == "01234567…")
    #expect(secrets.field("dpop", "0123456789abcdef0123") == "01234567…")
    #expect(secrets.field("location", "/cb?code=0123456789abcdef") == "/cb?code=01234567…")
    #expect(secrets.field("x-network-msisdn", "+33639980001") == "+33639980001")
  }

  @Test func jsonIsShortenedAtAnyDepthAndErrorsStayWhole() throws {
    let text =
      #"{"access_token":"0123456789abcdef","n":[{"id_token":"0123456789abcdef"}],"code":"PERMISSION_DENIED","expires_in":300}"#
    let shown = String(decoding: secrets.json(try JSONDocument(Array(text.utf8)).root), as: UTF8.self)
    #expect(shown == #"{"access_token":"01234567…","n":[{"id_token":"01234567…"}],"code":"PERMISSION_DENIED","expires_in":300}"#)
  }

  @Test func askedForTheyAreShown() {
    #expect(Secrets(areShown: true).parameter("code", "0123456789abcdef") == "0123456789abcdef")
    #expect(Secrets(areShown: true).field("authorization", "Bearer 0123") == "Bearer 0123")
  }

  @Test func whatAServerSendsCannotCommandTheTerminal() {
    #expect(FlowText.safe("a\u{1B}[2Jb\u{9B}c\n") == "a\\u{1b}[2Jb\\u{9b}c\\u{a}")
  }
}

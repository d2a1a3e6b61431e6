import Bytes
import Identifiers
import JOSE
import Testing
import Wire

@testable import Authorization

/// The cookie of the subscriber's own pages: one secret, several uses, none of which can be taken for another.
@Suite struct MySessionTests {
  private let plain = AuthorizationSettings(issuer: "http://127.0.0.1:8080")
  private let secure = AuthorizationSettings(issuer: "https://api.example")
  private let loop: EventLoop

  init() throws { loop = try EventLoop(index: 0, time: SystemTime()) }

  private func request(_ cookies: String...) -> HTTPRequest {
    HTTPRequest(method: "GET", target: "/my", fields: cookies.map { (name: "cookie", value: $0) }, body: [], loop: loop)
  }

  /// `name=value` of a `Set-Cookie`.
  private func pair(_ cookie: String) -> String { String(cookie.prefix { $0 != ";" }) }

  @Test func aBrowserShowsTheSessionThatItWasGiven() throws {
    let session = MySession.begin(nil)
    let shown = try #require(MySession.shown(by: request("a=b; " + pair(session.cookie(plain))), plain))
    #expect(shown.recordDigest == session.recordDigest && shown.formToken == session.formToken)
    // Who is behind it says the store, never the cookie.
    #expect(shown.subscriber == nil)
  }

  @Test func theCookieIsKeptFromScriptsStrangersAndPlainHTTP() {
    let session = MySession.begin(nil)
    let cookie = session.cookie(secure)
    #expect(cookie.hasPrefix("__Host-passerelle_my="))
    for part in ["Path=/", "Max-Age=900", "HttpOnly", "SameSite=Lax", "Secure"] { #expect(cookie.contains("; " + part)) }
    #expect(!cookie.contains("Domain") && !session.cookie(plain).contains("Secure"))
    #expect(MySession.noCookie(secure).hasPrefix("__Host-passerelle_my=; Path=/; Max-Age=0;"))
  }

  @Test func twoCookiesOrAnythingElseAreNone() {
    let one = pair(MySession.begin(nil).cookie(plain))
    let other = pair(MySession.begin(nil).cookie(plain))
    let name = "passerelle_my="
    for shown in [[one, other], [one + "; " + other], [one + "A"], [String(one.dropLast())], [name], [name + "é"], []] {
      let request = HTTPRequest(
        method: "GET", target: "/my", fields: shown.map { (name: "cookie", value: $0) }, body: [], loop: loop)
      #expect(MySession.shown(by: request, plain) == nil, "\(shown)")
    }
    // Over TLS the name without the prefix, which a neighbour in the domain could set, is nobody's (fixation).
    #expect(MySession.shown(by: request(one), secure) == nil)
  }

  @Test func noUseOfTheSecretIsAnother() throws {
    let session = MySession.begin(nil)
    let value = String(pair(session.cookie(plain)).drop { $0 != "=" }.dropFirst())
    let uses = [
      value, session.formToken, session.recordDigest.base64url, session.codeVisit.digest.base64url,
      SHA256.digest(Array(value.utf8)).base64url,
    ]
    #expect(Set(uses).count == uses.count)
    let other = MySession.begin(nil)
    #expect(session.formToken != other.formToken && session.recordDigest != other.recordDigest)
  }

  @Test func aFormsTokenIsItsOwnSessionsAlone() {
    let session = MySession.begin(nil)
    #expect(session.isFormToken(session.formToken))
    for wrong in [nil, "", MySession.begin(nil).formToken, session.formToken + " ", session.recordDigest.base64url] {
      #expect(!session.isFormToken(wrong))
    }
  }

  @Test func whoIsThereChangesNothingOfTheCookie() {
    let session = MySession.begin(nil)
    let subscriber = RecognisedSubscriber(
      pseudonym: SubjectPseudonym(rawValue: "p")!, amr: ["nba"], at: Timestamp(seconds: 1))
    #expect(session.with(subscriber).cookie(plain) == session.cookie(plain))
    #expect(session.with(subscriber).subscriber == subscriber)
  }
}

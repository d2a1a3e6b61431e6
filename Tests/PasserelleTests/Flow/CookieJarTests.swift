import Bytes
import Testing
import Wire

@testable import passerelle

@Suite struct CookieJarTests {
  private func jar(_ cookies: String..., from address: String = "https://as.example/login/start") -> CookieJar {
    var jar = CookieJar(time: ManualTime(Timestamp(seconds: 1_760_000_000)))
    jar.take(
      from: HTTPResponse(status: 200, fields: cookies.map { ("Set-Cookie", $0) }), of: WebAddress(address)!)
    return jar
  }

  private func sent(_ jar: CookieJar, to address: String) -> String? { jar.value(for: WebAddress(address)!) }

  @Test func aCookieGoesBackToItsHostAndPath() {
    let plain = jar("a=1; HttpOnly; SameSite=Lax")
    #expect(sent(plain, to: "https://as.example/login/next?x") == "a=1")
    #expect(sent(plain, to: "https://as.example/login") == "a=1")
    #expect(sent(plain, to: "https://as.example/logins") == nil)
    #expect(sent(plain, to: "https://other.example/login/next") == nil)
    #expect(sent(plain, to: "https://sub.as.example/login/next") == nil)
    #expect(sent(jar("a=1; Path=/"), to: "https://as.example/else") == "a=1")
  }

  @Test func longerPathsComeFirstAndALaterOneReplaces() {
    #expect(sent(jar("a=1; Path=/", "b=2", "a=3; path=/"), to: "https://as.example/login/x") == "b=2; a=3")
  }

  @Test func aDomainCoversWhatIsBelowItAndNothingElse() {
    let wide = jar("a=1; Path=/; Domain=.example.org", from: "https://as.example.org/")
    #expect(sent(wide, to: "https://www.example.org/") == "a=1")
    #expect(sent(wide, to: "https://badexample.org/") == nil)
    #expect(sent(jar("a=1; Path=/; Domain=other.org", from: "https://as.example.org/"), to: "https://other.org/") == nil)
    #expect(sent(jar("a=1; Path=/; Domain=org", from: "https://as.example.org/"), to: "https://as.example.org/") == nil)
  }

  @Test func aSecureCookieNeverTravelsInTheClear() {
    let secure = jar("a=1; Path=/; Secure")
    #expect(sent(secure, to: "https://as.example/") == "a=1")
    #expect(sent(secure, to: "http://as.example/") == nil)
    #expect(sent(jar("a=1; Path=/; Secure", from: "http://as.example/"), to: "https://as.example/") == nil)
    // As browsers do, on this machine.
    #expect(sent(jar("a=1; Path=/; Secure", from: "http://127.0.0.1:1/"), to: "http://127.0.0.1:1/") == "a=1")
  }

  @Test func prefixesKeepTheirPromise() {
    #expect(sent(jar("__Host-a=1; Path=/; Secure"), to: "https://as.example/") == "__Host-a=1")
    for text in [
      "__Host-a=1; Path=/", "__Host-a=1; Path=/x; Secure", "__Host-a=1; Path=/; Secure; Domain=as.example", "__Secure-a=1",
    ] {
      #expect(sent(jar(text), to: "https://as.example/x/login/y") == nil)
    }
  }

  @Test func aCookieCanBeTakenAway() {
    for end in ["Max-Age=0", "max-age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
      #expect(sent(jar("a=1; Path=/", "a=; Path=/; \(end)"), to: "https://as.example/") == nil)
    }
    #expect(sent(jar("a=1; Path=/; Expires=Wed, 01 Jan 2070 00:00:00 GMT"), to: "https://as.example/") == "a=1")
  }

  @Test func whatIsNoCookieIsLeft() {
    #expect(
      sent(jar("", "novalue", "=x", "; Path=/", "a=" + String(repeating: "x", count: 5000)), to: "https://as.example/login/x")
        == nil)
  }
}

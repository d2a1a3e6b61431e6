import JOSE
import Testing
import Wire

@testable import passerelle

@Suite struct FlowAddressTests {
  // RFC 3986 §5.4, as far as an authorization server's redirects go.
  @Test(arguments: [
    ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"), ("//g", "http://g"),
    ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"), ("", "http://a/b/c/d;p?q"),
    (".", "http://a/b/c/"), ("..", "http://a/b/"), ("../g", "http://a/b/g"), ("../../../g", "http://a/g"),
    ("/./g/../h?a=/../b", "http://a/h?a=/../b"), ("https://x.example/y#z", "https://x.example/y"),
    ("app:/cb?code=1", "app:/cb?code=1"),
  ]) func aRedirectIsResolved(_ reference: String, _ expected: String) {
    #expect(WebAddress("http://a/b/c/d;p?q")!.resolving(reference) == expected)
  }

  @Test func theRedirectURIIsToldFromItsNeighbours() {
    let uri = "http://127.0.0.1:8090/callback"
    #expect(RedirectAnswer.isAt(uri, uri + "?code=1") && RedirectAnswer.isAt(uri, uri))
    for other in [uri + "/x?code=1", uri + "s?code=1", "http://127.0.0.1:8090/", "http://evil.example/?" + uri] {
      #expect(!RedirectAnswer.isAt(uri, other))
    }
    #expect(RedirectAnswer.isAt("app://cb?x=1", "app://cb?x=1&code=2") && !RedirectAnswer.isAt("app://cb?x=1", "app://cb?x=12"))
  }

  @Test func aNumberIsFoundAlsoAsItsDigest() {
    let number = PersonalNumber("+33639980001")
    #expect(number.isRevealed(by: "tel:+33639980001") && number.isRevealed(by: "u-0639980001"))
    #expect(number.isRevealed(by: SHA256.digest(Array("+33639980001".utf8)).hex))
    #expect(number.isRevealed(by: SHA256.digest(Array("33639980001".utf8)).base64url))
    #expect(!number.isRevealed(by: "j1TQRMrjUyIV5CiOHVLEw-Z3DcC3y0Npj5pgwjZSYkQ"))
    #expect(PersonalNumber.inHint("tel:+33639980001") == "+33639980001" && PersonalNumber.inHint("+336") == "+336")
    #expect(PersonalNumber.inHint("ipport:192.0.2.1:80") == nil && PersonalNumber.inHint(nil) == nil)
  }
}

import Testing

@testable import Wire

@Suite struct WebAddressTests {
  @Test(arguments: [
    ("http://127.0.0.1:9101", "http://127.0.0.1:9101/", "127.0.0.1", 9101),
    ("https://api.example.com", "https://api.example.com/", "api.example.com", 443),
    ("https://API.Example.com:443/A?b=%2f", "https://api.example.com/A?b=%2f", "api.example.com", 443),
    ("https://api.example.com:80/", "https://api.example.com:80/", "api.example.com", 80),
    ("http://[::1]:80/x", "http://[::1]/x", "::1", 80), ("http://[0:0::0:1]:8/", "http://[::1]:8/", "::1", 8),
    ("http://[::ffff:10.0.0.1]/", "http://10.0.0.1/", "10.0.0.1", 80),
    ("http://localhost?a", "http://localhost/?a", "localhost", 80),
    ("http://a_b-c.d:65535//", "http://a_b-c.d:65535//", "a_b-c.d", 65_535), ("http://a./", "http://a./", "a.", 80),
    ("http://1a.2b/", "http://1a.2b/", "1a.2b", 80),
    ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80),
  ]) func anAddressIsRead(_ text: String, _ spelling: String, _ host: String, _ port: Int) throws {
    let address = try #require(WebAddress(text))
    #expect(address.description == spelling && address.host == host && address.port == port)
    #expect(address.isSecure == text.hasPrefix("https"))
    #expect(WebAddress(spelling) == address, "its own spelling is the same address")
    #expect(address.target.hasPrefix("/") && spelling.hasSuffix(address.authority + address.target))
  }

  @Test(arguments: [
    "", "ftp://x", "http:", "http://", "http:///", "http://a@b", "http://a:b@c/", "http://@a/", "http://a:0", "http://a:65536",
    "http://a:x", "http://a:", "http://a:080", "http://a:+80", "http://a:1:2", "http://[::1", "http://[::1]x",
    "http://[1.2.3.4]/",
    "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://::1/", "http://a b", "//a", "HTTP://a/", "http://a#b",
    "http://a/#", "http://a/b c", "http://a/\u{e9}", "http://\u{e9}/", "http://a\\b/", "http://a/\\b", "http://a%2eb/",
    "http://a/%", "http://a/%2", "http://a/%zz", "http://a/\r\nb", "http://a\t/", " http://a/", "http://a/ ", "http://a..b/",
    "http://.a/", "http://./", "http://-a/", "http://a/\u{0}", "http://[::1\u{0}x]/", "http://192.0.2.1\u{0}.example/",
    "http://a/<b>", "http://\u{ff11}27.0.0.1/",
  ]) func anythingElseIsNot(_ text: String) { #expect(WebAddress(text) == nil) }

  @Test(arguments: [
    "0x7f.1", "017700000001", "2130706433", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.1.", "127.0.0.256",
    "0x7f000001", "0x7f.0.0.1", "1.2.3.4.5", "0", "a.1", "a.0x1", "1.2.3.0X4",
  ]) func aHostThatLooksLikeANumberAndIsNoneIsRefused(_ host: String) { #expect(WebAddress("http://\(host)/") == nil) }

  @Test func lengthsHaveLimits() {
    let prefix = "http://a/"
    #expect(WebAddress(prefix + String(repeating: "b", count: 2048 - prefix.count)) != nil)
    #expect(WebAddress(prefix + String(repeating: "b", count: 2049 - prefix.count)) == nil)
    let label = String(repeating: "a", count: 63)
    #expect(WebAddress("http://\(label).a/") != nil && WebAddress("http://\(label)a.a/") == nil)
  }

  @Test(arguments: [
    ("localhost", true), ("localhost.", true), ("127.0.0.1", true), ("127.9.9.9", true), ("[::1]", true),
    ("[::ffff:127.0.0.1]", true),
    ("127.example.com", false), ("localhost.example.com", false), ("10.0.0.1", false), ("[::2]", false),
  ]) func loopbackIsKnown(_ host: String, _ expected: Bool) {
    #expect(WebAddress("http://\(host)/")?.isLoopback == expected)
  }
}

import Glibc
import Testing

@testable import Policy

@Suite struct PatternTests {
  @Test(arguments: [
    (#"^\+[1-9][0-9]{4,14}$"#, "+12345", true), (#"^\+[1-9][0-9]{4,14}$"#, "+1234", false),
    (#"^\+[1-9][0-9]{4,14}$"#, "+123456789012345", true), (#"^\+[1-9][0-9]{4,14}$"#, "+1234567890123456", false),
    (#"^\+?[0-9]{5,15}$"#, "12345", true), (#"^a*b+c?$"#, "bb", true), (#"^a*b+c?$"#, "aac", false), ("^$", "", true),
    ("^$", "x", false),
    ("^.{2}$", "ab", true), ("^[^a-c]$", "d", true), ("^[^a-c]$", "b", false), (#"^\d{3}\.\w$"#, "123._", true),
    ("^[a-zA-Z0-9-_:;.\\/<>{}]{0,256}$", "a-b_c:d", true), ("^x{2,}$", "x", false), ("^x{2,}$", "xxxx", true),
    ("^a{0}b$", "b", true),
    ("^a$", "a\n", false), ("^(ab|c)+$", "abcab", true), ("^(ab|c)+$", "abca", false), ("^(?:a|b)?c$", "c", true),
    // Without an anchor it may match anywhere; each alternative has its own.
    ("b", "abc", true), ("b", "acd", false), ("^a|b$", "axx", true), ("^a|b$", "xxb", true), ("^a|b$", "xax", false),
    (#".*\{\{code\}\}.*"#, "Your code is {{code}}.", true), (#".*\{\{code\}\}.*"#, "Your code", false),
    (#"^(tel:\+[0-9]{5,15}|sip:[A-Za-z0-9_.!%+\-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,})$"#, "sip:ada@example.com", true),
    (#"^(tel:\+[0-9]{5,15}|sip:[A-Za-z0-9_.!%+\-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,})$"#, "tel:+33", false),
    (#"^https:\/\/.+$"#, "https://x", true), (#"^https:\/\/.+$"#, "http://x", false),
    // A character is a character, however many bytes it takes.
    ("^.{2}$", "é€", true), ("^.{2}$", "é", false), ("^[^a]$", "𝄞", true), ("^é+$", "ééé", true), (#"^\S\D\W$"#, "éé€", true),
    (#"^[\x41-\x43\d]+$"#, "ABC1", true), (#"^\u00e9$"#, "é", true), ("^a{2,3}?$", "aaa", true), ("^.$", "\n", false),
    ("", "anything", true), (#"^a\$"#, "a$b", true), (#"^a\$"#, "ab", false), ("^|x$", "y", true),
  ]) func itMatchesTheWhole(_ pattern: String, _ text: String, _ expected: Bool) throws {
    let matches = try Pattern(pattern).matches(text.utf8.span)
    #expect(matches == expected)
  }

  @Test(arguments: [
    "^[a$", "^a{2$", "^a{3,2}$", "^*$", #"^\b$"#, "^a{99999}$", "^[z-a]$", "^a\\", "^(a$", "^a)$", "a^b", "(^a)", "(a$)", "a$b",
    #"(a)\1"#, "(?=a)b", "(?<name>a)", "(?!a)", "[é]", #"[a-\d]"#, #"\p{L}"#, "^((a{100}){100}){100}$", "(.*a.{16})",
  ])
  func whatItCannotReadIsRefused(_ pattern: String) { #expect(throws: Pattern.Fault.self) { try Pattern(pattern) } }

  /// Few states, each of which stands for thousands: they took minutes to find.
  @Test(arguments: ["^(.{0,100}){100}$", "^((a?b?){30}){30}$", "^(a{0,60}){60}$"]) func whatWouldTakeMinutesIsRefused(
    _ pattern: String
  ) {
    #expect(throws: Pattern.Fault.self) { try Pattern(pattern) }
  }

  /// Each is good by itself; all of a document together are bounded, and one that stands twice counts once.
  @Test func thePatternsOfADocumentHaveOneBudget() throws {
    let patterns = Patterns()
    for _ in 0..<10_000 { #expect(patterns.fault("^[a-z]{0,256}$") == nil) }
    #expect(patterns.fault("^(a$") != nil && !patterns.isExhausted)
    var count = 0
    while count < 10_000, patterns.fault("^x\(count)[a-z]{0,256}$") == nil { count += 1 }
    #expect((100..<10_000).contains(count) && patterns.isExhausted)
    #expect(patterns.fault("^a$") != nil, "nothing is left for any other")
    #expect(patterns.fault("^[a-z]{0,256}$") == nil, "what was compiled stays good")
    #expect(Patterns().fault("^x\(count)[a-z]{0,256}$") == nil)
  }

  /// A36: the classic that makes backtracking matchers hang.
  @Test func hostileTextTakesLinearTime() throws {
    let pattern = try Pattern("^a*a*a*a*a*a*a*a*b$")
    let text = [UInt8](repeating: 0x61, count: 65_536)
    let matches = pattern.matches(text.span)
    #expect(!matches)
  }
}

@Suite struct FormatTests {
  private static func admits(_ format: BodySchema.Format, _ text: String) -> Bool {
    (format.pattern?.matches(text.utf8.span) ?? true) && format.admitsMatching(text.utf8.span)
  }

  @Test(arguments: [
    (BodySchema.Format.ipv4, "192.0.2.1", true), (.ipv4, "192.0.2.256", false), (.ipv6, "::1\u{0}x", false),
    (.ipv4, "192.0.2.1\u{0}", false), (.ipv4, "192.0.2", false),
    (.ipv4, "0300.0.2.1", false),
    (.ipv6, "2001:db8::1", true), (.ipv6, "::ffff:192.0.2.1", true), (.ipv6, "2001:db8::1::2", false),
    (.dateTime, "2023-07-03T14:27:08.312+02:00", true), (.dateTime, "2023-07-03T14:27:08", false),
    (.dateTime, "2023-02-29T00:00:00Z", false),
    (.date, "2024-02-29", true), (.date, "2023-02-29", false), (.uuid, "b4333c46-49c0-4f62-80d7-f0ef930f1c46", true),
    (.uuid, "b4333c46", false), (.uri, "https://example.com/a?b", true), (.uri, "no uri", false),
  ]) func textsAreOfAFormatOrNot(_ format: BodySchema.Format, _ text: String, _ expected: Bool) {
    let admits = Self.admits(format, text)
    #expect(admits == expected)
  }
  /// Most are an address with a few characters changed, so that many are just right or just wrong.
  @Test func addressesAreWhatTheSystemTakesForOne() {
    let seeds = [
      "192.0.2.1", "0.10.255.99", "::", "2001:db8::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::7:192.0.2.1",
      "1:2:3:4:5:6:192.0.2.1", "::ffff:255.255.255.255", "fe80:0:0:0:aAfF::", "1:2:3::5:6:7:8",
    ].map { Array($0.utf8) }
    let alphabet = Array("0123456789afF::::...g ".utf8)
    var state: UInt64 = 5
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<20_000 {
      var text = seeds[random(seeds.count)]
      for _ in 0..<random(4) where !text.isEmpty {
        let place = random(text.count)
        switch random(3) {
        case 0: text[place] = alphabet[random(alphabet.count)]
        case 1: text.remove(at: place)
        default: text.insert(alphabet[random(alphabet.count)], at: place)
        }
      }
      let address = String(decoding: text, as: UTF8.self)
      var bytes = in6_addr()
      #expect(Self.admits(.ipv4, address) == (inet_pton(AF_INET, address, &bytes) == 1), "\(address)")
      #expect(Self.admits(.ipv6, address) == (inet_pton(AF_INET6, address, &bytes) == 1), "\(address)")
    }
  }
}

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
    ("^a$", "a\n", false),
  ]) func itMatchesTheWhole(_ pattern: String, _ text: String, _ expected: Bool) throws {
    #expect(try Pattern(pattern).matches(text.utf8) == expected)
  }

  @Test(arguments: [
    "abc", "^a", "a$", "^(a)$", "^a|b$", "^[a$", "^a{2$", "^a{3,2}$", "^*$", #"^\b$"#, "^a{99999}$", "^[z-a]$", "^a\\$",
  ])
  func whatItCannotReadIsRefused(_ pattern: String) { #expect(throws: Pattern.Fault.self) { try Pattern(pattern) } }

  /// A36: the classic that makes backtracking matchers hang.
  @Test func hostileTextTakesLinearTime() throws {
    let pattern = try Pattern("^a*a*a*a*a*a*a*a*b$")
    #expect(!pattern.matches([UInt8](repeating: 0x61, count: 65_536)))
  }
}

@Suite struct FormatTests {
  @Test(arguments: [
    (RequestSchema.Format.ipv4, "192.0.2.1", true), (.ipv4, "192.0.2.256", false), (.ipv6, "::1\u{0}x", false),
    (.ipv4, "192.0.2.1\u{0}", false), (.ipv4, "192.0.2", false),
    (.ipv4, "0300.0.2.1", false),
    (.ipv6, "2001:db8::1", true), (.ipv6, "::ffff:192.0.2.1", true), (.ipv6, "2001:db8::1::2", false),
    (.dateTime, "2023-07-03T14:27:08.312+02:00", true), (.dateTime, "2023-07-03T14:27:08", false),
    (.dateTime, "2023-02-29T00:00:00Z", false),
    (.date, "2024-02-29", true), (.date, "2023-02-29", false), (.uuid, "b4333c46-49c0-4f62-80d7-f0ef930f1c46", true),
    (.uuid, "b4333c46", false), (.uri, "https://example.com/a?b", true), (.uri, "no uri", false),
  ]) func textsAreOfAFormatOrNot(_ format: RequestSchema.Format, _ text: String, _ expected: Bool) {
    #expect(format.admits(text) == expected)
  }
}

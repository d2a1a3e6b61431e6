import Testing

@testable import PolicyImport

@Suite struct YAMLScalarTests {
  @Test(arguments: ["true", "no", "1", "null", ""]) func aQuotedScalarIsAString(_ text: String) {
    guard case .string(text) = YAMLScalar.content(text, isPlain: false) else { Issue.record("\(text)"); return }
  }

  /// What YAML 1.1 reads as truth values, numbers and dates.
  @Test(arguments: [
    "no", "yes", "on", "off", "y", "N", "12:30", "1_000", "2023-07-03", "0b11", ".inf", ".nan", "-", "+", ".", "1e", "tRUE",
  ])
  func whatOnlyYAML11KnowsIsAString(_ text: String) {
    guard case .string(text) = YAMLScalar.content(text, isPlain: true) else { Issue.record("\(text)"); return }
  }

  @Test(arguments: [
    ("0", "0"), ("-12", "-12"), ("+7", "7"), ("0012", "12"), ("0x1F", "31"), ("0o17", "15"), ("1.50", "1.5"), (".5", "0.5"),
    ("2.", "2"),
    ("1e3", "1000"), ("-0", "0"),
  ]) func aNumberIsWrittenAsJSONWritesIt(_ text: String, _ json: String) { #expect(YAMLScalar.number(text) == json) }

  @Test func truthAndNothing() {
    for text in ["true", "True", "TRUE"] {
      #expect(SourceNode(YAMLScalar.content(text, isPlain: true), .mark(file: "", line: 1, column: 1)).boolean == true)
    }
    for text in ["", "~", "null", "Null"] {
      guard case .null = YAMLScalar.content(text, isPlain: true) else { Issue.record("\(text)"); continue }
    }
  }
}

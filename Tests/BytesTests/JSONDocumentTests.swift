import Testing

@testable import Bytes

@Suite struct JSONDocumentTests {
  @Test func valuesAreReadByNameAndPlace() throws {
    let root = try document(#"{"name":"x","list":[1,true,null,2.5],"inner":{"é":"y"}}"#)
    #expect(root["name"]?.string == "x")
    #expect(root["list"]?.array?.count == 4)
    #expect(root["list"]?.array?[0].integer == 1)
    #expect(root["list"]?.array?[1].boolean == true)
    #expect(root["list"]?.array?[2].isNull == true)
    #expect(root["list"]?.array?[3].double == 2.5)
    #expect(root["inner"]?["é"]?.string == "y")
    #expect(root["none"] == nil)
    #expect(root["name"]?["x"] == nil)
    #expect(root["name"]?.array == nil)
    #expect(root.keys.map(\.name) == ["name", "list", "inner"])
    #expect(root["list"].map { String(decoding: $0.raw, as: UTF8.self) } == "[1,true,null,2.5]")
  }

  @Test func errorsNameFileLineAndColumn() throws {
    #expect(throws: DocumentError(file: "file.json", line: 3, column: 8, reason: "not JSON: an unexpected character")) {
      try document("{\n  \"a\": 1,\n  \"b\": ?\n}")
    }
    let root = try document("{\n  \"a\": 1,\n    \"b\": [\n 7]\n}")
    #expect("\(root["a"]!.error("no"))" == "file.json:2:8: no")
    #expect("\(root["b"]!.array![0].error("no"))" == "file.json:4:2: no")
    #expect("\(root.keys[1].error("no"))" == "file.json:3:5: no")
    #expect(root.position() == (1, 1))
    #expect("\(DocumentError(file: "", line: 1, column: 2, reason: "no"))" == "1:2: no")
  }

  @Test func anErrorAtTheEndHasAPlaceToo() {
    #expect(throws: DocumentError(file: "file.json", line: 2, column: 4, reason: "not JSON: it ends too early")) {
      try document("[\n1, ")
    }
    #expect(throws: DocumentError(file: "file.json", line: 1, column: 1, reason: "not JSON: it is empty")) { try document("") }
  }

  @Test func aValueKeepsItsDocumentAlive() throws {
    func inner() throws -> JSONValue { try document(#"{"a":["b"]}"#)["a"]!.array![0] }
    #expect(try inner().string == "b")
  }

  // MARK: The commented dialect

  static let commented: [(String, String)] = [
    ("// a\n1", "1"), ("1 // a", "1"), ("1//", "1"), ("/* a */ 1 /* b */", "1"), ("/**/1", "1"), ("/***/1", "1"),
    ("/* * / ** */1", "1"),
    ("[1,]", "[1]"), ("[1 , /* a */ ]", "[1]"), (#"{"a":1,}"#, #"{"a":1}"#),
    ("{ // a\n \"a\" // b\n : // c\n 1 // d\n , // e\n }", #"{"a":1}"#),
    ("[/* a */]", "[]"), ("{/* a */}", "{}"), (#"["// no", "/* no */"]"#, #"["// no","/* no */"]"#), ("// a\r\n1", "1"),
    ("/* é */1", "1"),
  ]

  @Test(arguments: commented) func commentsAndTrailingCommasAreReadInTheCommentedDialect(_ text: String, _ meaning: String) throws
  {
    #expect(String(decoding: try document(text, dialect: .commented).strictJSON(), as: UTF8.self) == meaning)
    if text != #"["// no", "/* no */"]"# { #expect(refusal(text) != nil, "strict JSON has neither") }
  }

  static let notCommented: [(String, JSONSyntaxError.Reason)] = [
    ("/1", .unexpectedByte), ("1 /", .unexpectedByte), ("/* 1", .unclosedComment), ("/*/ 1", .unclosedComment),
    ("1 /* *", .unclosedComment),
    ("// only", .empty), ("/* only */", .empty), ("[,]", .unexpectedByte), ("[1,,]", .unexpectedByte), ("{,}", .unexpectedByte),
    (#"{"a":1,,}"#, .unexpectedByte), ("1,", .trailingData), ("# a\n1", .unexpectedByte), ("{a:1}", .unexpectedByte),
    ("'a'", .unexpectedByte),
    (#"{"a":1, /* */ "a":2}"#, .duplicateKey), ("tr/**/ue", .badLiteral), ("1/**/2", .trailingData),
    ("[1/**/2]", .unexpectedByte),
    ("01", .badNumber), ("\u{FEFF}1", .unexpectedByte),
  ]

  @Test(arguments: notCommented) func theCommentedDialectAllowsNothingElse(_ text: String, _ reason: JSONSyntaxError.Reason) {
    #expect(refusal(text, dialect: .commented)?.reason == reason)
  }

  @Test func aLongRowOfStarsIsReadInLinearTime() {
    #expect(refusal("/*" + String(repeating: "*", count: 2_000_000), dialect: .commented)?.reason == .unclosedComment)
    #expect(refusal("/*" + String(repeating: "*", count: 2_000_000) + "/1", dialect: .commented) == nil)
  }
}

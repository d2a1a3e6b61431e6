import Testing

@testable import Bytes

@Suite struct ObjectReaderTests {
  private func reader(_ text: String) throws -> ObjectReader { try ObjectReader(document(text, dialect: .commented)) }

  private func message<Value>(_ body: () throws -> Value) -> String {
    do {
      _ = try body()
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func membersAreReadByTheirTypes() throws {
    var reader = try reader(
      """
      { "issuer": "https://a", "port": 8080, "secure": true, "names": ["a", "b"], "any": [1, "x"], "inner": { "depth": 1 } }
      """)
    #expect(try reader.string("issuer") == "https://a")
    #expect(try reader.integer("port", in: 0...65_535) == 8080)
    #expect(try reader.boolean("secure", default: false))
    #expect(try reader.boolean("absent", default: true))
    #expect(try reader.strings("names") == ["a", "b"])
    #expect(try reader.array("any").count == 2)
    var inner = try reader.object("inner")
    #expect(try inner.integer("depth", in: 1...1) == 1)
    try inner.finish()
    #expect(try reader.optionalString("none") == nil)
    #expect(try reader.optionalInteger("none", in: 0...1) == nil)
    #expect(try reader.optionalStrings("none") == nil)
    #expect(try reader.optionalArray("none") == nil)
    #expect(try reader.optionalObject("none") == nil)
    try reader.finish()
  }

  @Test func anUnknownKeyIsRefusedWithTheNearestKnownOne() throws {
    var reader = try reader("{\n  \"issuer\": \"a\",\n  \"issuerr\": \"b\"\n}")
    _ = try reader.string("issuer")
    _ = try reader.optionalString("audience")
    #expect(message(reader.finish) == #"file.json:3:3: unknown key "issuerr"; did you mean "issuer"?"#)
  }

  @Test func anUnknownKeyThatIsLikeNoneIsRefusedWithoutAGuess() throws {
    var reader = try reader(#"{"completely_different": 1}"#)
    _ = try reader.optionalString("issuer")
    #expect(message(reader.finish) == #"file.json:1:2: unknown key "completely_different""#)
  }

  @Test func everyUnknownKeyIsFound() throws {
    var reader = try reader(#"{"a1": 1, "port": 2, "b1": 3}"#)
    _ = try reader.optionalInteger("port", in: 0...9)
    #expect(reader.unknownKeys().map(\.column) == [2, 22])
  }

  static let wrong: [(String, String)] = [
    ("{}", #"file.json:1:1: "key" is missing"#), (#"{"key": 1}"#, #"file.json:1:9: "key" wants a string"#),
    (#"{"key": null}"#, #"file.json:1:9: "key" wants a string"#), (#"{"key": ["a"]}"#, #"file.json:1:9: "key" wants a string"#),
  ]

  @Test(arguments: wrong) func aStringThatIsNoneIsRefusedWithItsPlace(_ text: String, _ expected: String) throws {
    var reader = try reader(text)
    #expect(message { try reader.string("key") } == expected)
  }

  @Test(arguments: ["0", "11", "5.0", "1e0", "\"5\"", "true", "null", "99999999999999999999"])
  func aNumberOutsideOfItsRangeIsRefused(_ text: String) throws {
    var reader = try reader("{\"key\": \(text)}")
    #expect(message { try reader.integer("key", in: 1...10) } == #"file.json:1:9: "key" wants a whole number from 1 to 10"#)
    #expect(message { try reader.optionalInteger("key", in: 1...10) } != "no error")
  }

  @Test func otherTypesAreRefusedToo() throws {
    var reader = try reader("{\"flag\": 1, \"list\": {}, \"texts\": [\"a\",\n 2], \"object\": []}")
    #expect(message { try reader.boolean("flag", default: true) } == #"file.json:1:10: "flag" wants true or false"#)
    #expect(message { try reader.strings("list") } == #"file.json:1:21: "list" wants an array of strings"#)
    #expect(message { try reader.strings("texts") } == #"file.json:2:2: "texts" wants an array of strings"#)
    #expect(message { try reader.array("list") } == #"file.json:1:21: "list" wants an array"#)
    #expect(message { try reader.object("object") } == "file.json:2:16: an object was expected")
    #expect(message { try ObjectReader(document("[]")) } == "file.json:1:1: an object was expected")
  }

  static let nearest: [(String, String?)] = [
    ("issuer", "issuer"), ("Issuer", "issuer"), ("isuer", "issuer"), ("isseur", "issuer"), ("audiance", "audience"),
    ("zzzzzzzzz", nil),
    ("", nil), (String(repeating: "issuer", count: 1000), nil),
  ]

  @Test(arguments: nearest) func theNearestNameIsTheOneMostAlike(_ word: String, _ name: String?) {
    #expect(NearestName.to(word, among: ["audience", "issuer", "port_number"]) == name)
  }
}

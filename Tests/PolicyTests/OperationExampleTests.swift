import Bytes
import Testing

@testable import Policy

@Suite struct OperationExampleTests {
  private static func load(_ example: String) throws -> OperationExample? {
    let api = """
      { "api": "test-api", "version": "1.0.0", "basePath": "/test-api/v1", "title": {"en": "Test"}, "documentation": "https://a.example/b",
        "operations": { "put": { "method": "PUT", "path": "/things/{thingId}", "title": {"en": "Put"}, "scopes": ["t:put"],
          "parameters": {"thingId": {"pattern": "^[a-z]+$"}}, "query": {"page": {"type": "integer", "minimum": 1}},
          "headers": {"place": {"maxLength": 3, "required": true}},
          "request": {"schema": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "maximum": 9}}}},
          "response": {"status": [204]}, "example": \(example) } } }
      """
    return try TestCatalogue.load(["test-api.json": api]).operationsByIndex.first { $0.id.rawValue == "put" }?.example
  }

  @Test func itIsReadAsItStands() throws {
    let example = try #require(
      try Self.load(
        #"{"path": {"thingId": "a"}, "query": {"page": "2"}, "headers": {"Place": "x"}, "body": {"size": 3, /* */ }}"#))
    #expect(example.parameters == ["thingId": "a"] && example.query.map(\.name) == ["page"])
    #expect(example.body.map { String(decoding: $0, as: UTF8.self) } == #"{"size":3}"#)
  }

  @Test(
    "what the operation would refuse is refused when it is read, with its place",
    arguments: [
      (#"{"headers": {"place": "x"}, "body": {}}"#, "size"), (#"{"headers": {"place": "x"}, "body": {"size": 10}}"#, "size"),
      (#"{"headers": {"place": "x"}}"#, "wants a body"), (#"{"body": {"size": 1}}"#, "place is missing"),
      (#"{"headers": {"place": "xxxx"}, "body": {"size": 1}}"#, "place"),
      (#"{"headers": {"places": "x"}, "body": {"size": 1}}"#, "places"),
      (#"{"path": {"thingId": "A"}, "body": {"size": 1}}"#, "thingId"),
      (#"{"path": {"id": "a"}, "body": {"size": 1}}"#, "no parameter"),
      (#"{"query": {"page": "0"}, "body": {"size": 1}}"#, "page"), (#"{"query": {"pages": "1"}, "body": {"size": 1}}"#, "pages"),
      (#"{"query": {"page": 1}, "body": {"size": 1}}"#, "text"), (#"{"bodies": {"size": 1}}"#, "unknown key"), ("[]", "object"),
    ])
  func refused(_ example: String, _ word: String) {
    #expect { try Self.load(example) } throws: { error in
      "\(error)".contains("test-api.json:") && "\(error)".contains(word)
    }
  }

  @Test(arguments: ["http://a.example/", "https://a b", "https://", "javascript:alert(1)", #"https://a\">"#])
  func documentationIsAnAddressThatAPageMayShow(_ text: String) {
    let api = """
      { "api": "test-api", "version": "1.0.0", "basePath": "/test-api/v1", "title": {"en": "Test"}, "documentation": "\(text)",
        "operations": { "get": { "method": "GET", "path": "/a", "title": {"en": "G"}, "scopes": ["t:get"], "response": {"status": [204]} } } }
      """
    #expect { try TestCatalogue.load(["test-api.json": api]) } throws: { "\($0)".contains("https URL") }
  }
}

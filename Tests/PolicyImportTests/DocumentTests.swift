import Testing

@testable import PolicyImport

/// What a document must be, and what is taken of it as a whole.
@Suite struct DocumentTests {
  private static let rest = #""responses": { "204": { "description": "-" } }"#

  @Test(arguments: [
    ("{", "not JSON"), ("[]", "no OpenAPI document"), (#"{ "swagger": "2.0" }"#, "Swagger 2.0"),
    (#"{ "openapi": "3.1.0" }"#, "3.1.0 is not read"),
    (#"{ "openapi": "3.0.3", "info": { "title": "x" } }"#, "no paths"),
    (#"{ "openapi": "3.0.3", "openapi": "3.0.3" }"#, "not JSON"),
  ]) func whatIsNoDocumentIsRefusedWithItsPlace(_ text: String, _ reason: String) throws {
    let error = try #require(throws: (any Error).self) { try Drafting.importer(text) }
    #expect("\(error)".contains(reason) && "\(error)".contains("api.json:1:"), "\(error)")
  }

  @Test func nameVersionAndFile() throws {
    let importer = try Drafting.importer(Drafting.document(Self.rest))
    #expect(
      importer.api == "thing" && importer.version == "1.2.0" && importer.basePath == "/thing/v1"
        && importer.fileName == "thing-1.json")
  }

  @Test(arguments: [
    ("https://api.example.com/thing/v2/", "/thing/v2", "thing-2.json"),
    ("{apiRoot}/regionDeviceCount/vwip", "/regionDeviceCount/vwip", "thing-wip.json"),
    ("{apiRoot}", "/thing", "thing.json"), ("/a b", "/thing", "thing.json"),
  ]) func theBasePathIsThatOfTheFirstServer(_ url: String, _ path: String, _ file: String) throws {
    let importer = try Drafting.importer(Drafting.document(Self.rest).replacing("{apiRoot}/thing/v1", with: url))
    #expect(importer.basePath == path && importer.fileName == file)
  }

  @Test func strictBodiesFollowTheMandatoryText() throws {
    #expect(try Drafting.draft(Drafting.document(Self.rest))["strictBodies"] == nil)
    let strict = Drafting.document(Self.rest, description: "# Request body strictness")
    #expect(try Drafting.draft(strict)["strictBodies"] == .boolean(true))
  }

  @Test func whatCannotBeRoutedOrReadIsLeftOutAndTold() throws {
    let text = Drafting.document(Self.rest, path: "/a/{b}.json").replacing(
      #""components""#, with: ##""x": 1, "components""##)
    #expect(throws: (any Error).self) { try Drafting.importer(text) }
    let form = Drafting.document(#""requestBody": { "content": { "multipart/form-data": {} } }, "# + Self.rest)
    #expect(throws: (any Error).self) { try Drafting.importer(form) }
  }

  @Test func anOperationWithoutNameAndScopeGetsProposals() throws {
    let text = Drafting.document(Self.rest).replacing(#""operationId": "doIt", "#, with: "").replacing(
      #""security": [ { "openId": ["thing:do"] } ],"#, with: "")
    let draft = try Drafting.draft(text)
    #expect(draft.at("operations", "post-x", "scopes")?.line == #"["thing:post-x"]"#)
    #expect(try Drafting.outcome(text).notes.count == 2)
  }

  #if YAML
    @Test func yamlSaysTheSameAsJSON() throws {
      let yaml = """
        openapi: 3.0.3
        info: {title: Thing, version: 1.0}
        servers: [{url: '{apiRoot}/thing/v1'}]
        paths:
          /x:
            post:
              operationId: doIt
              security: [{openId: ['thing:do']}]
              requestBody:
                content:
                  application/json:
                    schema:
                      type: object
                      properties:
                        quoted: {type: string, enum: ['true', 'no', "1"]}
                        plain: {type: string, enum: [2G, no, on]}
              responses:
                204: {description: 'done'}
        """
      let draft = try Drafting.draft(yaml, name: "api.yaml")
      #expect(draft["version"]?.string == "1.0")
      let properties = draft.at("operations", "doIt", "request", "schema", "properties")
      #expect(properties?.at("quoted", "enum")?.line == #"["true","no","1"]"#)
      #expect(properties?.at("plain", "enum")?.line == #"["2G","no","on"]"#)
    }

    @Test(arguments: [
      ("a: 1\na: 2\n", ":2:1: a name stands twice"), ("a: &x [1]\nb:\n  <<: *x\n", ":3:3: merge keys"), ("a: [1\n", "not YAML"),
      ("a: 1\n---\nb: 2\n", "second document"), ("a: !!binary aGk=\n", ":1:4: a tag"), ("a: *nobody\n", "no anchor"),
      ("a: !local [1]\n", ":1:4: a tag"), ("a:\n  - !!set {b: 1}\n", ":2:5: a tag"),
      ("!<tag:example.com,2026:x> {a: 1}\n", ":1:1: a tag"),
      ("a: !!map [1]\n", ":1:4: a tag"), ("a: !!seq {b: 1}\n", ":1:4: a tag"),
      ("a: !!python/object/apply:os.system [ls]\n", "a tag"),
      ("", "empty"),
      (String(repeating: "[", count: 80) + String(repeating: "]", count: 80), "nested deeper"),
      ("? [a]\n: 1\n", "wants to be a scalar"),
    ]) func yamlThatIsRefusedNamesItsPlace(_ text: String, _ reason: String) throws {
      let error = try #require(throws: (any Error).self) { try YAMLReader.read(Array(text.utf8), file: "api.yaml") }
      #expect("\(error)".contains(reason) && "\(error)".hasPrefix("api.yaml:"), "\(error)")
    }

    /// "Billion laughs": each line names the one before ten times.
    @Test func aliasesOfAliasesAreCounted() throws {
      var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
      for level in 1...9 {
        text += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ") + "]\n"
      }
      let error = try #require(throws: (any Error).self) { try YAMLReader.read(Array(text.utf8), file: "api.yaml") }
      #expect("\(error)".contains("aliases counted"))
    }

    @Test func theTagsOfListsAndMapsThemselvesMayStand() throws {
      let root = try YAMLReader.read(Array("!!map {a: !!seq ['1'], b: !!map {c: '2'}}".utf8), file: "api.yaml")
      #expect(root["a"]?.elements?.first?.string == "1" && root["b"]?["c"]?.string == "2")
    }

    /// A list or a map is a value, as the scalars in it are, also an empty one: the outermost, and one for each of the others.
    @Test(arguments: ["[]", "{}", "[[]]", "{a: 1}"]) func listsAndMapsAreCounted(_ element: String) throws {
      let each = element == "[[]]" ? 2 : element == "{a: 1}" ? 3 : 1
      let maximum = (SourceLimits.nodesMaximum - 1) / each
      func read(_ count: Int) throws -> SourceNode {
        try YAMLReader.read(Array(("[" + String(repeating: element + ",", count: count) + "]").utf8), file: "api.yaml")
      }
      #expect(try read(maximum).elements?.count == maximum)
      let error = try #require(throws: (any Error).self) { try read(maximum + 1) }
      #expect("\(error)".contains("more than \(SourceLimits.nodesMaximum) values"))
    }

    @Test func anAliasStandsForItsValue() throws {
      let root = try YAMLReader.read(Array("a: &x {b: '1'}\nc: *x\n".utf8), file: "api.yaml")
      #expect(root["c"]?["b"]?.string == "1")
    }
  #endif
}

import Bytes
import Testing

@testable import PolicyImport

/// Request schemas as policies have them, among them the traps of CAMARA's published files.
@Suite struct SchemaDraftTests {
  private func schema(_ schema: String, components: String = "", beside: [String: String] = [:]) throws -> String? {
    let text = Drafting.document(
      Drafting.body(schema) + #", "responses": { "204": { "description": "-" } }"#, schemas: components)
    return try Drafting.operation(text, beside: beside).at("request", "schema")?.line
  }

  @Test func allOfIsFlattened() throws {
    let parts =
      #"{ "allOf": [ { "type": "object", "required": ["a"], "properties": { "a": { "type": "string", "maxLength": 9 } } }, "#
      + #"{ "properties": { "a": { "maxLength": 4 }, "b": { "type": "integer" } } } ], "required": ["b"] }"#
    #expect(
      try schema(parts)
        == #"{"type":"object","required":["b","a"],"properties":{"a":{"type":"string","maxLength":4},"b":{"type":"integer"}}}"#)
  }

  @Test func aNeighbourIsReadWhereverItLies() throws {
    let common = #"{ "components": { "schemas": { "Port": { "type": "integer", "maximum": 65535 } } } }"#
    for reference in ["common.json", "../common/common.json"] {
      let body = #"{ "type": "object", "properties": { "p": { "$ref": "\#(reference)#/components/schemas/Port" } } }"#
      #expect(
        try schema(body, beside: ["common.json": common])
          == #"{"type":"object","properties":{"p":{"type":"integer","maximum":65535}}}"#)
    }
  }

  @Test func enumsKeepTheirTypes() throws {
    let body =
      #"{ "type": "object", "properties": { "t": { "type": "string", "enum": ["true", "false", "not_available"] }, "#
      + #""n": { "type": "integer", "enum": [1, 2] } } }"#
    #expect(
      try schema(body)?.contains(
        #""t":{"type":"string","enum":["true","false","not_available"]},"n":{"type":"integer","enum":[1,2]}"#) == true)
  }

  @Test func aDiscriminatorBecomesCases() throws {
    let components =
      #", "Area": { "type": "object", "required": ["areaType"], "properties": { "areaType": { "type": "string", "enum": ["CIRCLE"] } }, "#
      + ##""discriminator": { "propertyName": "areaType", "mapping": { "CIRCLE": "#/components/schemas/Circle" } } }, "##
      + ##""Circle": { "allOf": [ { "$ref": "#/components/schemas/Area" }, { "type": "object", "required": ["radius"], "##
      + ##""properties": { "radius": { "type": "number", "minimum": 1 } } } ] }"##
    let body = ##"{ "type": "object", "properties": { "area": { "$ref": "#/components/schemas/Area" } } }"##
    let text = Drafting.document(Drafting.body(body) + #", "responses": { "204": { "description": "-" } }"#, schemas: components)
    let area = try Drafting.draft(text).at("schemas", "Area")
    #expect(area?.at("properties", "radius") != nil)
    #expect(area?.at("cases", "property")?.string == "areaType")
    #expect(area?.at("cases", "values", "CIRCLE", "required")?.line == #"["areaType","radius"]"#)
  }

  @Test func anyOfOfNothingButRequiredIsOneOfSomeLists() throws {
    let body =
      #"{ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } }, "#
      + #""anyOf": [ { "required": ["a"] }, { "required": ["b"] } ] }"#
    #expect(try schema(body)?.contains(#""anyRequired":[["a"],["b"]]"#) == true)
  }

  @Test(arguments: [
    (#"{ "type": "string", "pattern": "uuid" }"#, #"{"type":"string","format":"uuid"}"#),
    (#"{ "type": "string", "format": "string" }"#, #"{"type":"string"}"#),
    (#"{ "type": "string", "format": "url" }"#, #"{"type":"string"}"#),
    (#"{ "type": "string", "additionalProperties": false }"#, #"{"type":"string"}"#),
    (#"{ "type": "integer", "minimum": 0, "exclusiveMinimum": true }"#, #"{"type":"integer","exclusiveMinimum":0}"#),
    (#"{ "type": "string", "pattern": "^(?=x).*$" }"#, #"{"type":"string"}"#),
  ]) func defectsOfPublishedFilesDoNotStopIt(_ property: String, _ expected: String) throws {
    #expect(
      try schema(#"{ "type": "object", "properties": { "p": \#(property) } }"#)
        == #"{"type":"object","properties":{"p":\#(expected)}}"#)
  }

  @Test func whatIsRequiredButNotDeclaredIsNotRequired() throws {
    let body = #"{ "type": "object", "required": ["a", "ghost"], "properties": { "a": { "type": "string" } } }"#
    #expect(try schema(body)?.contains("ghost") == false)
    let text = Drafting.document(Drafting.body(body) + #", "responses": { "204": { "description": "-" } }"#)
    #expect(try Drafting.outcome(text).notes.contains { $0.text.contains("ghost") && $0.line > 0 })
  }

  @Test func aSchemaThatNamesItselfEnds() throws {
    let components = ##", "Tree": { "type": "object", "properties": { "child": { "$ref": "#/components/schemas/Tree" } } }"##
    let text = Drafting.document(
      Drafting.body(##"{ "$ref": "#/components/schemas/Tree" }"##) + #", "responses": { "204": { "description": "-" } }"#,
      schemas: components)
    #expect(try Drafting.draft(text).at("schemas", "Tree", "properties", "child")?.line == #"{"type":"object"}"#)
  }

  @Test(arguments: [
    (##"{ "$ref": "#/components/schemas/Nobody" }"##, "leads nowhere"),
    (##"{ "$ref": "https://example.com/x.yaml#/a" }"##, "nothing is fetched"),
    (##"{ "$ref": "/etc/passwd" }"##, "nothing is fetched"), (##"{ "$ref": "gone.json#/a" }"##, "not there"),
  ]) func aReferenceThatLeadsNowhereIsRefusedWithItsPlace(_ schema: String, _ reason: String) throws {
    let error = try #require(throws: (any Error).self) {
      try Drafting.draft(Drafting.document(Drafting.body(schema) + #", "responses": { "204": { "description": "-" } }"#))
    }
    #expect("\(error)".contains(reason) && "\(error)".contains("api.json:4:"), "\(error)")
  }

  /// Ten levels of ten references are ten thousand million schemas (A36).
  @Test func schemasThatUnfoldWithoutEndAreRefused() throws {
    let levels = (0..<10).map { level in
      let properties = (0..<10).map { ##""p\##($0)": { "$ref": "#/components/schemas/L\##(level + 1)" }"## }.joined(
        separator: ", ")
      return #""L\#(level)": { "type": "object", "properties": { \#(properties) } }"#
    }
    let schemas = ", " + levels.joined(separator: ", ") + #", "L10": { "type": "string" }"#
    let body = Drafting.body(##"{ "$ref": "#/components/schemas/L0" }"##)
    let text = Drafting.document(body + #", "responses": { "204": { "description": "-" } }"#, schemas: schemas)
    let error = try #require(throws: DocumentError.self) { try Drafting.draft(text) }
    #expect(error.reason.contains("name each other too often") && error.line > 0)
  }

  @Test(arguments: [(#""text""#, "is no type"), (#"["string", "null"]"#, "lists of types")])
  func aTypeThatIsNone(_ type: String, _ reason: String) throws {
    let body = Drafting.body(#"{ "type": "object", "properties": { "a": { "type": \#(type) } } }"#)
    let error = try #require(throws: DocumentError.self) {
      try Drafting.draft(Drafting.document(body + #", "responses": { "204": { "description": "-" } }"#))
    }
    #expect(error.reason.contains(reason))
  }

  @Test func boundsThatContradictEachOtherAreLeftOut() throws {
    let body = Drafting.body(#"{ "type": "object", "properties": { "a": { "type": "integer", "minimum": 3, "maximum": 2 } } }"#)
    let text = Drafting.document(body + #", "responses": { "204": { "description": "-" } }"#)
    #expect(try Drafting.operation(text).at("request", "schema", "properties", "a")?.line == #"{"type":"integer"}"#)
  }

  /// RFC 6901 §6: an escape is two digits of hexadecimal. What only a number's reader takes for one is a part of the name.
  @Test(arguments: [
    ("a%62", "ab"), ("a~1b", "a/b"), ("a~0b", "a~b"), ("a%7e1b", "a/b"), ("%+1", "%+1"), ("%-1", "%-1"), ("100%", "100%"),
    ("%4", "%4"), ("%zz", "%zz"),
  ]) func aReferenceIsUnescaped(_ reference: String, _ name: String) throws {
    let body = ##"{ "type": "object", "properties": { "p": { "$ref": "#/components/schemas/\##(reference)" } } }"##
    #expect(
      try schema(body, components: #", "\#(name)": { "type": "integer", "maximum": 7 }"#)
        == #"{"type":"object","properties":{"p":{"type":"integer","maximum":7}}}"#)
  }

  private func property(_ property: String) throws -> String? {
    let body = Drafting.body(#"{ "type": "object", "properties": { "p": \#(property) } }"#)
    let draft = try Drafting.operation(Drafting.document(body + #", "responses": { "204": { "description": "-" } }"#))
    return draft.at("request", "schema", "properties", "p")?.line
  }

  /// Formats are of texts or of numbers; a policy with one at the other is refused.
  @Test(arguments: [
    (#"{ "type": "string", "format": "int32" }"#, #"{"type":"string"}"#),
    (#"{ "type": "string", "format": "double" }"#, #"{"type":"string"}"#),
    (#"{ "type": "integer", "format": "date-time" }"#, #"{"type":"integer"}"#),
    (#"{ "type": "number", "format": "uuid" }"#, #"{"type":"number"}"#),
    (#"{ "type": "boolean", "format": "uuid" }"#, #"{"type":"boolean"}"#),
    (#"{ "type": "boolean", "format": "int32" }"#, #"{"type":"boolean"}"#),
    (#"{ "type": "integer", "format": "int64" }"#, #"{"type":"integer","format":"int64"}"#),
    (#"{ "type": "string", "format": "uri" }"#, #"{"type":"string","format":"uri"}"#),
    (#"{ "type": "string", "pattern": "int32" }"#, #"{"type":"string","pattern":"int32"}"#),
  ]) func aFormatIsOfItsType(_ schema: String, _ expected: String) throws { #expect(try property(schema) == expected) }

  @Test(arguments: [
    (#"{ "type": "string", "minLength": 3, "maxLength": 2 }"#, #"{"type":"string"}"#),
    (#"{ "type": "string", "minLength": 2, "maxLength": 2 }"#, #"{"type":"string","minLength":2,"maxLength":2}"#),
    (
      #"{ "type": "array", "minItems": 3, "maxItems": 2, "items": { "type": "string" } }"#,
      #"{"type":"array","items":{"type":"string"}}"#
    ),
    (
      #"{ "type": "object", "minProperties": 3, "maxProperties": 2, "properties": { "a": { "type": "string" } } }"#,
      #"{"type":"object","properties":{"a":{"type":"string"}}}"#
    ),
    (#"{ "type": "number", "minimum": 3, "maximum": 2, "multipleOf": 1 }"#, #"{"type":"number","multipleOf":1}"#),
    (#"{ "type": "number", "minimum": 9, "exclusiveMinimum": true, "maximum": 5 }"#, #"{"type":"number"}"#),
    (#"{ "type": "number", "multipleOf": 0 }"#, #"{"type":"number"}"#),
    (#"{ "type": "number", "multipleOf": -2 }"#, #"{"type":"number"}"#),
    (#"{ "type": "number", "multipleOf": 0.01 }"#, #"{"type":"number","multipleOf":0.01}"#),
    (#"{ "type": "number", "multipleOf": 1e-400 }"#, #"{"type":"number"}"#),
    (#"{ "type": "number", "multipleOf": 1e400 }"#, #"{"type":"number"}"#),
    (#"{ "type": "number", "multipleOf": 1234567890.1234567891 }"#, #"{"type":"number"}"#),
  ]) func whatContradictsItselfIsLeftOut(_ schema: String, _ expected: String) throws {
    #expect(try property(schema) == expected)
  }

  /// The same for what stands beside the body.
  @Test(arguments: [
    (#"{ "type": "string", "minLength": 3, "maxLength": 2 }"#, "{}"),
    (#"{ "type": "integer", "minimum": 3, "maximum": 2 }"#, #"{"type":"integer"}"#),
    (#"{ "type": "integer", "minimum": 2, "maximum": 2 }"#, #"{"type":"integer","minimum":2,"maximum":2}"#),
    (#"{ "type": "string", "format": "int64" }"#, "{}"), (#"{ "type": "string", "format": "date" }"#, #"{"format":"date"}"#),
  ]) func aParameterThatContradictsItselfHasNoSuchRule(_ schema: String, _ expected: String) throws {
    let parameter =
      #""parameters": [ { "name": "q", "in": "query", "schema": \#(schema) } ], "responses": { "204": { "description": "-" } }"#
    #expect(try Drafting.operation(Drafting.document(parameter)).at("query", "q")?.line == expected)
  }
}

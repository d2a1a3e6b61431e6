import Bytes
import Testing

@testable import Policy

@Suite struct BodySchemaTests {
  private static let errors = try! ErrorCodes(
    JSONDocument(Array(#"{"specific": [{"status": 400, "code": "INVALID_SINK", "message": "m"}]}"#.utf8)).root)

  private static func read(_ schema: String, strict: Bool = false) throws -> BodySchema {
    try SchemaReader(named: nil, isStrict: strict, errors: errors).schema(JSONDocument(Array(schema.utf8), file: "schema").root)
  }

  private static func violation(_ schema: String, _ body: String, strict: Bool = false) throws -> SchemaViolation? {
    let bytes = Array(body.utf8)
    var tape = JSONTape()
    try tape.parse(bytes.span)
    return try read(schema, strict: strict).check(bytes.span, tape: tape)
  }

  private static func copied(_ schema: String, _ body: String) throws -> String {
    let bytes = Array(body.utf8)
    var (tape, output) = (JSONTape(), [UInt8]())
    try tape.parse(bytes.span)
    try read(schema).copy(bytes.span, tape: tape, to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  /// Schema, a body that is right, one that is wrong.
  @Test(arguments: [
    (#"{"type": "integer", "minimum": 1, "maximum": 9}"#, "9", "10"),
    (#"{"type": "integer", "exclusiveMinimum": 1}"#, "2", "1"), (#"{"type": "number", "exclusiveMaximum": 1}"#, "0.999", "1.0"),
    (#"{"type": "number", "multipleOf": 0.001}"#, "0.003", "0.0035"), (#"{"type": "number", "multipleOf": 0.01}"#, "1e2", "1e-3"),
    (#"{"type": "number", "multipleOf": 2.5}"#, "7.50", "7"), (#"{"type": "integer", "multipleOf": 3}"#, "-9", "10"),
    (#"{"type": "integer", "format": "int32"}"#, "2147483647", "2147483648"), (#"{"type": "integer"}"#, "1.0", "1.5"),
    (#"{"type": "array", "uniqueItems": true}"#, #"[1, "1", true, [1], {"a": 1}]"#, #"[1, 2, 1.0]"#),
    (
      #"{"type": "array", "uniqueItems": true}"#, #"[{"a": 1, "b": 2}, {"a": 2, "b": 1}]"#,
      #"[{"a": 1, "b": 2}, {"b": 2, "a": 1}]"#
    ),
    (#"{"type": "array", "uniqueItems": true}"#, #"["ab", "a"]"#, #"["a", "\u0061"]"#),
    (#"{"type": "string", "maxLength": 2}"#, #""éé""#, #""eee""#),
    (#"{"type": "string", "enum": ["true", "false"]}"#, #""true""#, "true"),
    (#"{"type": "boolean", "enum": [true]}"#, "true", "false"), (#"{"type": "integer", "enum": [1, 2]}"#, "2.0", "3"),
    (#"{"type": "string", "nullable": true}"#, "null", "1"),
    (#"{"type": "object", "additionalProperties": {"type": "string"}}"#, #"{"a": "x"}"#, #"{"a": 1}"#),
    (
      #"{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string"}}}"#, #"{"a": "x"}"#, #"{"b": 1}"#
    ),
    (#"{"type": "object", "additionalProperties": true, "required": ["b"], "properties": {}}"#, #"{"b": [1]}"#, "{}"),
    (#"{"anyOf": [{"type": "string"}, {"type": "integer"}]}"#, "1", "1.5"),
    (#"{"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]}"#, "5.5", "6"),
    (#"{"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]}"#, "4", "4.5"),
    (#"{"type": "string", "format": "email"}"#, #""ada@example.com""#, #""ada""#),
    (#"{"type": "string", "format": "uri-reference"}"#, #""/a?b""#, #""a b""#),
    (#"{"type": "string", "format": "duration"}"#, #""P1DT2H""#, #""1D""#),
    (#"{"type": "string", "format": "hostname"}"#, #""a-b.example""#, #""-a.example""#),
    (#"{"type": "string", "format": "byte"}"#, #""aGk=""#, #""aGk""#),
  ]) func whatItSaysHolds(_ schema: String, _ right: String, _ wrong: String) throws {
    #expect(try Self.violation(schema, right) == nil)
    #expect(try Self.violation(schema, wrong) != nil)
  }

  @Test func aViolationNamesTheFieldAndNoValue() throws {
    let schema = """
      {"type": "object", "properties": {"area": {"type": "object", "properties": {"points": {"type": "array", "items":
        {"type": "object", "required": ["latitude"], "properties": {"latitude": {"type": "number", "maximum": 90}}}}}}}}
      """
    let violation = try #require(try Self.violation(schema, #"{"area": {"points": [{"latitude": 1}, {"latitude": 91}]}}"#))
    #expect(violation == SchemaViolation(kind: .outOfRange, message: "area.points[1].latitude is out of range."))
    let missing = try #require(try Self.violation(schema, #"{"area": {"points": [{}]}}"#))
    #expect(missing == SchemaViolation(kind: .invalidArgument, message: "area.points[0] lacks latitude."))
  }

  /// What is missing is said first, then how many there are, then what is wrong with one of them.
  @Test func theFirstViolationIsTheOneThatIsSaid() throws {
    let schema = """
      {"type": "object", "maxProperties": 2, "required": ["a", "b"], "anyRequired": [["c"], ["d", "a"]],
       "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}, "d": {"type": "integer"}}}
      """
    func message(_ body: String) throws -> String? { try Self.violation(schema, body)?.message }
    #expect(try message(#"{"c": "x", "a": 1}"#) == "The body lacks b.")
    #expect(try message(#"{"b": "x", "a": 1}"#) == "The body lacks a property of which one must be there.")
    #expect(try message(#"{"b": "x", "a": 1, "c": 1}"#) == "The body has too few or too many properties.")
    #expect(try Self.violation(schema.replacing("2", with: "3"), #"{"c": 1, "b": "x", "a": 1}"#)?.message == "b is not a number.")
  }

  /// Properties beyond the 64th are met in another way.
  @Test func requiredPropertiesMayBeMany() throws {
    let names = (0..<70).map { "p\($0)" }
    let properties = names.map { #""\#($0)": {"type": "integer"}"# }.joined(separator: ", ")
    let schema = """
      {"type": "object", "required": ["p3", "p69"], "anyRequired": [["p4", "p68"], ["p67"]], "properties": {\(properties)}}
      """
    #expect(try Self.violation(schema, #"{"p69": 1, "p3": 1, "p68": 1, "p4": 1}"#) == nil)
    #expect(try Self.violation(schema, #"{"p3": 1, "p67": 1, "p69": 1}"#) == nil)
    #expect(try Self.violation(schema, #"{"p3": 1, "p67": 1}"#)?.message == "The body lacks p69.")
    #expect(try Self.violation(schema, #"{"p3": 1, "p69": 1, "p68": 1}"#) != nil)
  }

  /// `sink`, `protocol` and credentials of subscriptions have codes of their own.
  @Test func aFieldCanHaveAnErrorOfItsOwn() throws {
    let schema = """
      {"type": "object", "properties": {"sink": {"type": "string", "pattern": "^https:\\/\\/.+$", "error": "INVALID_SINK"},
        "inner": {"type": "object", "error": "missingIdentifier", "message": "Whole.", "properties": {
          "a": {"type": "integer"}, "b": {"type": "integer", "message": "Part."}}}}}
      """
    #expect(try Self.violation(schema, #"{"sink": "http://x"}"#)?.kind == .specific(0))
    let whole = try Self.violation(schema, #"{"inner": {"a": "x"}}"#)
    #expect(whole == SchemaViolation(kind: .missingIdentifier, message: "Whole."))
    #expect(try Self.violation(schema, #"{"inner": {"b": "x"}}"#)?.message == "Part.")
  }

  private static let area = """
    {"type": "object", "required": ["areaType"], "properties": {"areaType": {"type": "string", "enum": ["CIRCLE", "POLYGON"]}},
     "cases": {"property": "areaType", "values": {
       "CIRCLE": {"type": "object", "required": ["radius"], "properties": {"radius": {"type": "number", "minimum": 1}}},
       "POLYGON": {"type": "object", "required": ["boundary"], "properties": {"boundary": {"type": "array", "minItems": 3}}}}}}
    """

  @Test func aDiscriminatorSaysWhichRulesHold() throws {
    #expect(try Self.violation(Self.area, #"{"areaType": "CIRCLE", "radius": 5}"#, strict: true) == nil)
    #expect(try Self.violation(Self.area, #"{"areaType": "POLYGON", "boundary": [1, 2, 3]}"#, strict: true) == nil)
    #expect(try Self.violation(Self.area, #"{"areaType": "CIRCLE", "radius": 0}"#)?.kind == .outOfRange)
    #expect(try Self.violation(Self.area, #"{"areaType": "CIRCLE", "boundary": [1, 2, 3]}"#)?.message.contains("radius") == true)
    #expect(try Self.violation(Self.area, #"{"areaType": "LINE"}"#) != nil)
    // What the other case lists is unknown in this one.
    #expect(try Self.violation(Self.area, #"{"areaType": "CIRCLE", "radius": 5, "boundary": []}"#, strict: true) != nil)
    #expect(
      try Self.copied(Self.area, #"{"areaType":"CIRCLE","radius":5,"boundary":[],"x":1}"#) == #"{"areaType":"CIRCLE","radius":5}"#
    )
  }

  @Test func branchesThatFitSayWhatIsKnown() throws {
    let schema = """
      {"type": "object", "properties": {"a": {"type": "integer"}}, "anyOf": [
        {"required": ["b"], "properties": {"b": {"type": "integer"}}}, {"required": ["c"], "properties": {"c": {"type": "string"}}}]}
      """
    #expect(try Self.violation(schema, #"{"a": 1, "b": 2}"#, strict: true) == nil)
    #expect(try Self.violation(schema, #"{"a": 1, "b": 2, "c": 3}"#, strict: true) != nil)
    #expect(try Self.violation(schema, #"{"a": 1}"#) != nil)
    #expect(try Self.copied(schema, #"{"a":1,"b":2,"c":3,"d":4}"#) == #"{"a":1,"b":2}"#)
  }

  @Test func whatIsAdditionalIsHandedOnWhereTheSchemaSaysSo() throws {
    let map = #"{"type": "object", "additionalProperties": {"type": "object", "properties": {"x": {"type": "integer"}}}}"#
    #expect(try Self.copied(map, #"{"k":{"x":1,"y":2}}"#) == #"{"k":{"x":1}}"#)
    let open = #"{"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": true}"#
    #expect(try Self.copied(open, #"{"b":{"y":2},"a":1}"#) == #"{"b":{"y":2},"a":1}"#)
    // A30: a second spelling of a name of the API's.
    #expect(try Self.violation(open, #"{"A": 1}"#) != nil)
  }

  @Test(arguments: [
    #"{"type": "string", "format": "url"}"#, #"{"type": "string", "format": "int32"}"#, #"{"type": "string", "minimum": 1}"#,
    #"{"type": "integer", "pattern": "^a$"}"#, #"{"type": "integer", "multipleOf": 0}"#, #"{"type": "string", "error": "NOPE"}"#,
    #"{"type": "object", "required": ["a"]}"#, #"{"type": "integer", "minimum": 2, "maximum": 1}"#, #"{"properties": {}}"#,
    #"{"type": "object", "properties": {"a": {"type": "string"}}, "cases": {"property": "b", "values": {"x": {}}}}"#,
    #"{"type": "string", "enum": [[]]}"#, #"{"type": "string", "pattern": "(?=a)"}"#, #"{"type": "object", "not": {}}"#,
  ]) func whatCannotHoldIsRefusedAtLoad(_ schema: String) {
    #expect(throws: DocumentError.self) { try Self.read(schema) }
  }

  /// Each of them names the next one twice: written out, there would be more than a memory holds.
  @Test func schemasThatNameEachOtherAreReadOnce() throws {
    let names = (0..<14).map { index in
      let next = index == 13 ? #"{"type": "integer"}"# : #"{"ref": "s\#(index + 1)"}"#
      let properties = (0..<20).map { #""p\#($0)": \#(next)"# }.joined(separator: ", ")
      return #""s\#(index)": {"type": "object", "properties": {\#(properties)}}"#
    }
    let named = try JSONDocument(Array("{\(names.joined(separator: ", "))}".utf8)).root
    let reader = SchemaReader(named: named, isStrict: false, errors: Self.errors)
    let schema = try reader.schema(JSONDocument(Array(#"{"ref": "s0"}"#.utf8)).root)
    let body = Array((String(repeating: #"{"p19":"#, count: 14) + #""x""# + String(repeating: "}", count: 14)).utf8)
    var tape = JSONTape()
    try tape.parse(body.span)
    #expect(schema.check(body.span, tape: tape)?.message.hasSuffix("p19.p19 is not a number.") == true)
  }

  @Test func schemasThatNameEachOtherInACircleAreRefused() throws {
    let named = try JSONDocument(
      Array(#"{"a": {"type": "array", "items": {"ref": "b"}}, "b": {"type": "array", "items": {"ref": "a"}}}"#.utf8)
    ).root
    let reader = SchemaReader(named: named, isStrict: false, errors: Self.errors)
    #expect(throws: DocumentError.self) { try reader.schema(JSONDocument(Array(#"{"ref": "a"}"#.utf8)).root) }
  }

  @Test(arguments: [
    ("0.3", "0.1", true), ("0.30", "0.1", true), ("1e3", "10", true), ("12", "10", false), ("0", "7", true), ("1", "0.3", false),
    ("100", "20", true), ("-0.006", "0.002", true), ("123456789012345678", "1", true), ("1.5e-2", "0.005", true),
    ("0.0100", "0.01", true), ("10.01", "0.1", false),
  ]) func decimalsAreExact(_ number: String, _ step: String, _ expected: Bool) throws {
    #expect(try #require(Decimal(number)).isMultiple(of: #require(Decimal(step))) == expected)
  }

  /// An exponent that an `Int` only just holds, or does not, ends no program: the number is no multiple of anything.
  @Test(arguments: [
    "1e-9223372036854775808", "1e9223372036854775807", "1E+9223372036854775808", "-1e-100000", "1e100000",
    "0e-9223372036854775808", "1e99999999999999999999",
  ]) func anExponentBeyondAllNumbersIsRefused(_ number: String) throws {
    #expect(Decimal(number) == nil)
    #expect(try Self.violation(#"{"type": "number", "multipleOf": 0.01}"#, number) != nil)
    #expect(throws: DocumentError.self) { try Self.read(#"{"type": "number", "multipleOf": \#(number)}"#) }
  }

  @Test(arguments: [("1e99999", "3e-99999", false), ("3e99999", "3e-99999", true), ("1e-99999", "1e99999", false)])
  func theLargestExponentsAreCounted(_ number: String, _ step: String, _ expected: Bool) throws {
    #expect(try #require(Decimal(number)).isMultiple(of: #require(Decimal(step))) == expected)
  }

  /// A30, for every property that a schema has and for no other: letters outside ASCII have case too.
  @Test(arguments: [
    (#"{"PHONENUMBER": 1}"#, true), (#"{"straßE": 1}"#, true), (#"{"ÉTAT": 1}"#, true), (#"{"\u00c9tat": 1}"#, true),
    (#"{"phoneNumber": 1, "état": 2, "Straße": 3}"#, false), (#"{"phone": 1, "number": 2}"#, false),
  ]) func aSecondSpellingOfAPropertyIsFound(_ body: String, _ isRefused: Bool) throws {
    let schema = """
      {"type": "object", "additionalProperties": true,
       "properties": {"phoneNumber": {"type": "integer"}, "état": {"type": "integer"}, "Straße": {"type": "integer"}}}
      """
    #expect((try Self.violation(schema, body) != nil) == isRefused)
    // Without properties there is nothing to spell otherwise.
    #expect(try Self.violation(#"{"type": "object", "additionalProperties": true}"#, body) == nil)
  }

  @Test(arguments: [
    "0", "-0", "12", "-1.5", "48.8566", "0.1", "1e22", "1e23", "9007199254740992", "9007199254740993", "123456789012345678",
    "1e-22",
    "1e-23", "2.2250738585072011e-308", "0.30000000000000004", "100000000000000000000000", "1E+2", "5e-1",
  ]) func decimalsBecomeTheNearestDouble(_ number: String) throws {
    #expect(try #require(Decimal(number)).double ?? Double(number) == Double(number))
  }
}

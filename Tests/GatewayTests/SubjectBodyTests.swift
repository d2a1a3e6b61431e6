import Bytes
import Identifiers
import Testing

@testable import Gateway
@testable import Policy

@Suite struct SubjectBodyTests {
  private static let number = MSISDN(e164: "+33639980001")!
  private static let device = """
    { "type": "object", "properties": { "phoneNumber": {"type": "string"}, "ipv6Address": {"type": "string"} } }
    """
  private static let schema = """
    { "type": "object", "properties": { "device": \(device), "a": {"type": "integer"}, "b": {"type": "integer"},
      "maxAge": {"type": "number"}, "area": { "type": "object", "properties": { "x": {"type": "integer"} } },
      "areas": { "type": "array", "items": { "type": "object", "properties": { "x": {"type": "integer"} } } },
      "free": {"type": "object"}, "list": {"type": "array"} } }
    """

  private static func read(_ schema: String) throws -> BodySchema {
    try SchemaReader(named: nil, isStrict: false, errors: .common).schema(JSONDocument(Array(schema.utf8), file: "schema").root)
  }

  private static func written(_ text: String, _ place: SubjectPlace?, _ schema: String? = schema) throws -> String {
    let bytes = Array(text.utf8)
    var tape = JSONTape()
    if !bytes.isEmpty { try tape.parse(bytes.span) }
    var output: [UInt8] = []
    let body = SubjectBody(bytes: bytes.span, tape: tape, hasDocument: !bytes.isEmpty, schema: try schema.map(read))
    if let place { body.write(number, at: place, to: &output) } else { body.copy(to: &output) }
    return String(decoding: output, as: UTF8.self)
  }

  @Test(arguments: [
    (#"{}"#, #"{"device":{"phoneNumber":"+33639980001"}}"#),
    (#"{ "maxAge" : 60.0 }"#, #"{"device":{"phoneNumber":"+33639980001"},"maxAge":60.0}"#),
    (
      #"{"a":1,"device":{"ipv6Address":"::1","phoneNumber":"+1"},"b":2}"#,
      #"{"a":1,"device":{"phoneNumber":"+33639980001"},"b":2}"#
    ),
    (#"{"device":null,"b":2}"#, #"{"device":{"phoneNumber":"+33639980001"},"b":2}"#),
  ]) func theDeviceIsInsertedOrReplaced(_ body: String, _ expected: String) throws {
    #expect(try Self.written(body, SubjectPlace(["device"], .device)) == expected)
  }

  /// A22, A30: a backend that takes names without regard to case, or understands more than the API has, would answer about them.
  @Test(arguments: [
    #"{"Device":{"phoneNumber":"+33612345678"}}"#, #"{"device":{"phoneNumber":"+1"},"DEVICE":{"phoneNumber":"+33612345678"}}"#,
    #"{"phoneNumber":"+33612345678","device":{"phoneNumber":"+33639980001"}}"#,
    #"{"\u0044evice":{"phoneNumber":"+33612345678"}}"#,
    #"{"subscriber":[{"device":{"phoneNumber":"+33612345678"}}]}"#, #"{"device.phoneNumber":"+33612345678","":{}}"#,
    #"{"device":{"PhoneNumber":"+33612345678","phoneNumber":"+33639980001"}}"#,
  ]) func nobodyElseIsNamedToTheBackend(_ body: String) throws {
    #expect(try Self.written(body, SubjectPlace(["device"], .device)) == #"{"device":{"phoneNumber":"+33639980001"}}"#)
  }

  @Test(arguments: [
    (#"{ "b" : 2, "c":3, "\u0061":1 }"#, #"{"b":2,"a":1}"#), (#"{"area":{"y":1,"x":2,"X":3}}"#, #"{"area":{"x":2}}"#),
    (#"{"areas":[{"x":1,"y":2}, {}, {"y":3}]}"#, #"{"areas":[{"x":1},{},{}]}"#), ("{}", "{}"), ("", ""),
    // What the schema does not describe is the API's own affair.
    (#"{"free":{ "k" : [1] },"list":[ {"y":1} ]}"#, #"{"free":{ "k" : [1] },"list":[ {"y":1} ]}"#),
  ]) func whatTheSchemaDoesNotNameIsLeftOutAtEveryLevel(_ body: String, _ expected: String) throws {
    #expect(try Self.written(body, nil) == expected)
  }

  @Test(arguments: [#"{"a":1}"#, #"{"device":{"phoneNumber":"+33612345678"}}"#, "[1]", "1", ""])
  func whereThereIsNoSchemaNothingIsForwarded(_ body: String) throws {
    #expect(try Self.written(body, nil, nil) == "")
    // Beside a subject in the query, or one that the backend is told in a field, neither.
    var inQuery = SubjectPlace(["phoneNumber"], .phoneNumber)
    inQuery.isInQuery = true
    #expect(try Self.written(body, inQuery, nil) == "")
    #expect(try Self.written(body, SubjectPlace(["device"], .device, isInHead: true), nil) == "")
  }

  @Test func aPropertyThatOnlyACaseNamesIsKept() throws {
    let schema = """
      { "type": "object", "properties": { "kind": {"type": "string"} },
        "cases": { "property": "kind", "values": { "A": { "type": "object", "properties": { "a": {"type": "integer"} } } } } }
      """
    #expect(try Self.written(#"{"a":1,"kind":"A","x":1}"#, nil, schema) == #"{"a":1,"kind":"A"}"#)
    #expect(try Self.written(#"{"a":1,"kind":"B","x":1}"#, nil, schema) == #"{"kind":"B"}"#)
  }

  @Test(arguments: [
    (#"{"Device":{}}"#, true), (#"{"device":{"phonenumber":"+1"}}"#, true), (#"{"areas":[{"x":1},{"X":1}]}"#, true),
    (#"{"\u0044evice":{}}"#, true), (#"{"other":1}"#, false), (#"{"device":{"phoneNumber":"+1"}}"#, false),
    (#"{"free":{"Device":1}}"#, false),
  ]) func aNameThatDiffersInCaseAloneIsRefused(_ body: String, _ isRefused: Bool) throws {
    let bytes = Array(body.utf8)
    var tape = JSONTape()
    try tape.parse(bytes.span)
    #expect((try Self.read(Self.schema).check(bytes.span, tape: tape) != nil) == isRefused)
  }

  @Test(arguments: [
    (#"{"config":{"x":1}}"#, #"{"config":{"subscriptionDetail":{"device":{"phoneNumber":"+33639980001"}},"x":1}}"#),
    ("{}", #"{"config":{"subscriptionDetail":{"device":{"phoneNumber":"+33639980001"}}}}"#),
    (
      #"{"config":{"x":1,"subscriptionDetail":{"type":"t","y":1,"device":{}}}}"#,
      #"{"config":{"x":1,"subscriptionDetail":{"device":{"phoneNumber":"+33639980001"}}}}"#
    ),
    // Of a level that nothing describes only the way to the place is kept; what is no object gives way.
    (#"{"config":{"subscriptionDetail":5}}"#, #"{"config":{"subscriptionDetail":{"device":{"phoneNumber":"+33639980001"}}}}"#),
    (#"{"config":null}"#, #"{"config":{"subscriptionDetail":{"device":{"phoneNumber":"+33639980001"}}}}"#),
  ]) func aDeepPlaceIsMadeWhereItIsMissing(_ body: String, _ expected: String) throws {
    let place = SubjectPlace(["config", "subscriptionDetail", "device"], .device)
    let schema = """
      { "type": "object", "properties": { "config": { "type": "object", "properties": { "x": {"type": "integer"} } } } }
      """
    #expect(try Self.written(body, place, schema) == expected)
  }

  @Test func theWholeBodyIsTheDevice() throws {
    #expect(try Self.written(#"{"phoneNumber":"33639980001"}"#, SubjectPlace([], .device)) == #"{"phoneNumber":"+33639980001"}"#)
  }

  @Test func aNumberAlone() throws {
    #expect(try Self.written("", SubjectPlace(["phoneNumber"], .phoneNumber)) == #"{"phoneNumber":"+33639980001"}"#)
  }

  @Test(
    arguments: [
      (#"{}"#, 0, false, nil), (#"{"device":{}}"#, 0, false, nil),
      (#"{"device":{"phoneNumber":"+33639980001"}}"#, 1, true, "+33639980001"),
      (#"{"device":{"phoneNumber":"33639980001","ipv6Address":"::1"}}"#, 2, true, "+33639980001"),
      (#"{"device":{"phoneNumber":"0639980001"}}"#, 1, true, nil), (#"{"device":{"ipv6Address":"::1"}}"#, 1, false, nil),
      (#"{"\u0064evice":{"phone\u004eumber":"+33639980001"}}"#, 1, true, "+33639980001"),
    ] as [(String, Int, Bool, String?)])
  func identifiersAreCountedAndTheNumberRead(_ text: String, _ count: Int, _ hasNumber: Bool, _ number: String?) throws {
    let bytes = Array(text.utf8)
    var tape = JSONTape()
    try tape.parse(bytes.span)
    let named = SubjectBody(bytes: bytes.span, tape: tape, hasDocument: true, schema: nil).identifiers(
      at: SubjectPlace(["device"], .device))
    #expect(named.count == count)
    #expect(named.hasNumber == hasNumber)
    #expect(named.number?.e164 == number)
  }
}

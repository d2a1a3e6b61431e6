import ReferenceReaders

@testable import Bytes
@testable import Policy

/// Bodies of API calls: checked against a schema, and written anew for the backend with what the schema names alone. The schema asks for
/// no number of members: those that it does not name count, and are left out.
enum BodyChecks {
  private static let text = """
    {"type": "object", "required": ["device"], "maxProperties": 5, "properties": {
      "device": {"type": "object", "properties": {"phoneNumber": {"type": "string", "pattern": "^\\\\+[1-9][0-9]{4,14}$"},
        "ipv4Address": {"type": "object", "properties": {"publicAddress": {"type": "string", "format": "ipv4"}, "publicPort": {"type": "integer", "minimum": 0, "maximum": 65535}},
          "anyRequired": [["publicAddress", "publicPort"]]}, "ipv6Address": {"type": "string", "format": "ipv6"}}},
      "at": {"type": "string", "format": "date-time"}, "day": {"type": "string", "format": "date"}, "id": {"type": "string", "format": "uuid"},
      "where": {"type": "string", "format": "uri", "maxLength": 99}, "list": {"type": "array", "maxItems": 3, "items": {"type": "number", "minimum": -1.5}},
      "kind": {"type": "string", "enum": ["A", "é"]}, "sure": {"type": "boolean", "nullable": true}}}
    """
  private static let schema = try! SchemaReader(named: nil, isStrict: false, errors: .common).schema(
    JSONDocument(Array(text.utf8)).root)

  static func check(_ bytes: [UInt8]) throws {
    var tape = JSONTape()
    do { try tape.parse(bytes.span) } catch { return }
    guard schema.check(bytes.span, tape: tape) == nil else { return }
    guard let value = ReferenceJSON.parse(bytes) else { throw Broken(description: "taken although it is not JSON") }
    var output: [UInt8] = []
    schema.copy(bytes.span, tape: tape, to: &output)
    guard let written = ReferenceJSON.parse(output) else { throw Broken(description: "written as something that is not JSON") }
    try checkCopy(written, value, "")
    var again = JSONTape()
    try again.parse(output.span)
    try hold(schema.check(output.span, tape: again) == nil, "a body is not right any more when it is written anew")
    // One subscriber, whoever was named: the gateway's own word stands at the place, once.
    var placed: [UInt8] = []
    schema.copy(bytes.span, tape: tape, placingAt: ["device"], to: &placed) {
      $0 += Array(#"{"phoneNumber":"+33612345678"}"#.utf8)
    }
    guard case .object(let members)? = ReferenceJSON.parse(placed) else {
      throw Broken(description: "no object with a subscriber")
    }
    try hold(
      members.first { $0.name == "device" }?.value == .object([("phoneNumber", .string("+33612345678"))]),
      "another subscriber than the gateway's")
  }

  /// Every member was there, under its own name in its one spelling, and the schema names it.
  private static func checkCopy(_ written: ReferenceJSON, _ value: ReferenceJSON, _ path: String) throws(Broken) {
    guard case .object(let members) = written, case .object(let all) = value else {
      return try hold(written == value, "a value has changed")
    }
    let named = [
      "": ["device", "at", "day", "id", "where", "list", "kind", "sure"],
      "device": ["phoneNumber", "ipv4Address", "ipv6Address"],
      "ipv4Address": ["publicAddress", "publicPort"],
    ]
    for member in members {
      try hold(
        named[path]?.contains { $0.utf8.elementsEqual(member.name.utf8) } == true, "a member that the schema does not name")
      guard let before = all.first(where: { $0.name.utf8.elementsEqual(member.name.utf8) }) else {
        throw Broken(description: "a member that nobody sent")
      }
      try checkCopy(member.value, before.value, member.name)
    }
  }
}

import Bytes

/// What a text must be that comes beside a body: a parameter of the query or of the path, or a field of a head.
struct TextRule: Sendable {
  /// A value, after its escapes are read.
  static let bytesMaximum = 1024

  private let type: BodySchema.ValueType
  private let compiled: CompiledSchema

  /// Reads `pattern`, `format`, `enum`, lengths, and `type` with a range; the other keys are the caller's.
  init(_ reader: inout ObjectReader, _ value: JSONValue, _ patterns: Patterns) throws(DocumentError) {
    var rules = BodySchema.Rules()
    let name = try reader.optionalString("type") ?? "string"
    guard let type = BodySchema.ValueType(rawValue: name), [.string, .integer, .number, .boolean].contains(type) else {
      throw value.error("the type of a parameter is string, integer, number or boolean")
    }
    rules.type = type
    let least = try reader.optionalInteger("minLength", in: 0...Self.bytesMaximum) ?? 0
    let most = try reader.optionalInteger("maxLength", in: least...Self.bytesMaximum) ?? Self.bytesMaximum
    rules.countRange = least...most
    try SchemaReader(named: nil, isStrict: false, errors: .common, patterns: patterns).readValues(&reader, &rules, value)
    self.type = type
    compiled = CompiledSchema(BodySchema.Node(rules))
  }

  func fault(_ text: Span<UInt8>) -> ValueFault? {
    guard text.count <= Self.bytesMaximum, Self.isText(text) else { return ValueFault(what: "has a wrong format") }
    let plan = compiled.plan
    let walk = SchemaWalk(compiled, plan, JSONView(text))
    switch type {
    case .integer, .number:
      return Self.isNumber(text)
        ? walk.fault(number: text, Int(plan.rules[plan.root].number)) : ValueFault(what: "is not a number")
    case .boolean:
      return text.equals("true") || text.equals("false") ? nil : ValueFault(what: "is not true or false")
    case .string, .object, .array: return plan.rules[plan.root].text.flatMap { walk.fault(text: text, Int($0)) }
    }
  }

  func fault(_ text: [UInt8]) -> ValueFault? { fault(text.span) }

  /// UTF-8 without control characters.
  private static func isText(_ text: Span<UInt8>) -> Bool {
    var isASCII = true
    for index in text.indices {
      guard text[index] >= 0x20, text[index] != 0x7F else { return false }
      if text[index] >= 0x80 { isASCII = false }
    }
    return isASCII || String(validating: text.bytes(), as: UTF8.self) != nil
  }

  /// As JSON writes one: no plus, no leading zeros, no names.
  private static func isNumber(_ text: Span<UInt8>) -> Bool { numberPattern.matches(text) }
  // It is right: a test reads it.
  private static let numberPattern = try! Pattern(#"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+\-]?[0-9]+)?$"#)
}

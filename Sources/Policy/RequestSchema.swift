import Bytes

/// Where a request body breaks its API's schema. The message names the field by its path, never its value.
public struct SchemaViolation: Error, Equatable, Sendable {
  public enum Code: Sendable {
    /// 400 `INVALID_ARGUMENT`.
    case invalidArgument
    /// 400 `OUT_OF_RANGE`: a number outside its range.
    case outOfRange
  }

  public let code: Code
  public let message: String
}

/// The schema of a request body, compiled: the part of OpenAPI 3.0 that CAMARA's requests use, applied to a parsed body in time
/// linear in its length.
public struct RequestSchema: Sendable {
  let root: Node

  /// - Returns: the first violation; nil when the body is right.
  public func check(_ bytes: Span<UInt8>, tape: JSONTape) -> SchemaViolation? {
    var check = SchemaCheck(tape: tape)
    check.value(0, root, bytes)
    return check.violation
  }

  enum ValueType: String, Sendable { case object, array, string, integer, number, boolean }

  enum Format: String, Sendable {
    case ipv4, ipv6
    case dateTime = "date-time"
    case date
    case uuid
    case uri
  }

  /// Rules that depend on the value of one property.
  final class Cases: Sendable {
    let property: String
    let propertyBytes: [UInt8]
    let nodes: [(value: [UInt8], node: Node)]

    init(property: String, nodes: [(value: String, node: Node)]) {
      self.property = property
      propertyBytes = Array(property.utf8)
      self.nodes = nodes.map { (Array($0.value.utf8), $0.node) }
    }

    /// The rules that hold for an object, by its value of the property.
    func matching(_ object: Int, _ tape: JSONTape, _ bytes: Span<UInt8>) -> Node? {
      guard let value = tape.member(propertyBytes, of: object, in: bytes) else { return nil }
      return nodes.first { tape.stringEquals(value, $0.value, in: bytes) }?.node
    }
  }

  /// A property that an object may have.
  struct Property: Sendable {
    let name: String
    let nameBytes: [UInt8]
    /// `"name":`, as it is written.
    let key: [UInt8]
    let node: Node

    init(name: String, node: Node) {
      self.name = name
      nameBytes = Array(name.utf8)
      var writer = JSONWriter()
      writer.string(name)
      key = writer.bytes + [0x3A]
      self.node = node
    }
  }

  /// What one value must be.
  final class Node: Sendable {
    let type: ValueType
    let isNullable: Bool
    let properties: [Property]
    let required: [String]
    /// At least one of these lists of properties must be there (`anyOf` of `required`).
    let anyRequired: [[String]]
    /// Whether a property that is not listed is refused.
    let isClosed: Bool
    /// What more holds when a property has one of these values.
    let cases: Cases?
    /// Of properties, elements, or characters.
    let countRange: ClosedRange<Int>
    let items: Node?
    let options: [String]?
    let pattern: Pattern?
    let format: Format?
    let numberRange: ClosedRange<Double>?
    /// Replaces the message of any violation of this value.
    let message: String?

    init(
      type: ValueType, isNullable: Bool, properties: [Property], required: [String], anyRequired: [[String]],
      isClosed: Bool, cases: Cases?, countRange: ClosedRange<Int>, items: Node?, options: [String]?, pattern: Pattern?,
      format: Format?,
      numberRange: ClosedRange<Double>?, message: String?
    ) {
      self.type = type
      self.isNullable = isNullable
      self.properties = properties
      self.required = required
      self.anyRequired = anyRequired
      self.isClosed = isClosed
      self.cases = cases
      self.countRange = countRange
      self.items = items
      self.options = options
      self.pattern = pattern
      self.format = format
      self.numberRange = numberRange
      self.message = message
    }

    /// The property that a key names.
    func property(_ key: Int, _ tape: JSONTape, _ bytes: Span<UInt8>) -> Property? {
      properties.first { tape.stringEquals(key, $0.nameBytes, in: bytes) }
    }
  }
}

/// One pass over a body.
private struct SchemaCheck {
  let tape: JSONTape
  var violation: SchemaViolation?
  private var path: [String] = []

  init(tape: JSONTape) { self.tape = tape }

  mutating func value(_ node: Int, _ schema: RequestSchema.Node, _ bytes: Span<UInt8>) {
    if schema.isNullable, tape.kind(node) == .null { return }
    switch schema.type {
    case .object: object(node, schema, bytes)
    case .array: array(node, schema, bytes)
    case .string: string(node, schema, bytes)
    case .integer, .number: number(node, schema, bytes)
    case .boolean: if tape.boolean(node) == nil { fail(schema, "is not true or false") }
    }
  }

  private mutating func object(_ node: Int, _ schema: RequestSchema.Node, _ bytes: Span<UInt8>) {
    guard tape.kind(node) == .object else { return fail(schema, "is not an object") }
    let missing = schema.required.first { tape.member($0, of: node, in: bytes) == nil }
    if let missing { return fail(schema, "lacks \(missing)") }
    let isAnyThere = schema.anyRequired.contains { $0.allSatisfy { tape.member($0, of: node, in: bytes) != nil } }
    guard schema.anyRequired.isEmpty || isAnyThere else { return fail(schema, "lacks a property of which one must be there") }
    guard schema.countRange.contains(tape.childCount(node)) else { return fail(schema, "has too few or too many properties") }
    var key = node + 1
    for _ in 0..<tape.childCount(node) {
      defer { key = tape.next(key + 1) }
      guard let property = schema.property(key, tape, bytes) else {
        guard schema.isClosed || isVariant(key, of: schema, bytes) else { continue }
        return fail(schema, "has a property that the API does not know")
      }
      path.append(property.name)
      value(key + 1, property.node, bytes)
      guard violation == nil else { return }
      path.removeLast()
    }
    if let cases = schema.cases { check(node, cases, bytes) }
  }

  private mutating func check(_ node: Int, _ cases: RequestSchema.Cases, _ bytes: Span<UInt8>) {
    guard let match = cases.matching(node, tape, bytes) else { return }
    value(node, match, bytes)
  }

  /// True when a name differs from one of the API's in nothing but case: a reader that does not mind case would take the one for
  /// the other (A30).
  private func isVariant(_ key: Int, of schema: RequestSchema.Node, _ bytes: Span<UInt8>) -> Bool {
    guard let name = tape.string(key, in: bytes)?.lowercased() else { return false }
    return schema.properties.contains { $0.name.lowercased() == name }
  }

  private mutating func array(_ node: Int, _ schema: RequestSchema.Node, _ bytes: Span<UInt8>) {
    guard tape.kind(node) == .array else { return fail(schema, "is not an array") }
    guard schema.countRange.contains(tape.childCount(node)) else { return fail(schema, "has too few or too many elements") }
    guard let items = schema.items else { return }
    var child = node + 1
    for index in 0..<tape.childCount(node) {
      path.append("[\(index)]")
      value(child, items, bytes)
      guard violation == nil else { return }
      path.removeLast()
      child = tape.next(child)
    }
  }

  private mutating func string(_ node: Int, _ schema: RequestSchema.Node, _ bytes: Span<UInt8>) {
    guard let text = tape.string(node, in: bytes) else { return fail(schema, "is not a string") }
    guard schema.countRange.contains(text.unicodeScalars.count) else { return fail(schema, "is too short or too long") }
    if let options = schema.options, !options.contains(text) { return fail(schema, "is not one of its values") }
    if let pattern = schema.pattern, !pattern.matches(text.utf8) { return fail(schema, "has a wrong format") }
    if let format = schema.format, !format.admits(text) { return fail(schema, "has a wrong format") }
  }

  private mutating func number(_ node: Int, _ schema: RequestSchema.Node, _ bytes: Span<UInt8>) {
    guard let number = tape.double(node, in: bytes) else { return fail(schema, "is not a number") }
    // JSON Schema: 1.0 is an integer too.
    guard schema.type == .number || number == number.rounded() else { return fail(schema, "is not a whole number") }
    if let range = schema.numberRange, !range.contains(number) { fail(schema, "is out of range", .outOfRange) }
  }

  private mutating func fail(
    _ schema: RequestSchema.Node, _ what: String, _ code: SchemaViolation.Code = .invalidArgument
  ) {
    let place = path.isEmpty ? "The body" : path.joined(separator: ".").replacingDotBracket()
    violation = SchemaViolation(code: code, message: schema.message ?? "\(place) \(what).")
  }
}

extension String {
  /// `a.[0].b` as `a[0].b`.
  fileprivate func replacingDotBracket() -> String {
    var text = ""
    for character in self {
      if character == "[", text.last == "." { text.removeLast() }
      text.append(character)
    }
    return text
  }
}

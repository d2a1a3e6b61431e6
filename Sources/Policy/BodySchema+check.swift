import Bytes

extension BodySchema {
  /// - Parameter tape: of these bytes.
  /// - Returns: the first violation; nil when the body is right.
  public func check(_ bytes: Span<UInt8>, tape: JSONTape) -> SchemaViolation? {
    var check = SchemaCheck(tape: tape)
    return check.value(0, root, bytes) ? nil : check.violation
  }
}

/// One pass over a body. Of a body that is right, numbers, formats and names that its schema does not have cost a text each.
struct SchemaCheck {
  private enum Step {
    case name(String)
    case element(Int)
  }

  private let tape: JSONTape
  // What is wrong, and the way to it, innermost first: written on the way back.
  private var what = ""
  private var kind = ErrorKind.invalidArgument
  private var message: String?
  private var isExplained = false
  private var path: [Step] = []

  init(tape: JSONTape) { self.tape = tape }

  var violation: SchemaViolation {
    guard let message else { return SchemaViolation(kind: kind, message: "\(place) \(what).") }
    return SchemaViolation(kind: kind, message: message)
  }

  private var place: String {
    guard !path.isEmpty else { return "The body" }
    return path.reversed().reduce(into: "") { text, step in
      switch step {
      case .name(let name): text += text.isEmpty ? name : "." + name
      case .element(let index): text += "[\(index)]"
      }
    }
  }

  /// False when the value is wrong; `violation` says how.
  mutating func value(_ node: Int, _ schema: BodySchema.Node, _ bytes: Span<UInt8>) -> Bool {
    var branches: [BodySchema.Node] = []
    if value(node, schema, bytes, &branches) { return true }
    explain(schema)
    return false
  }

  /// The same, and gives the branches that fit.
  private mutating func value(
    _ node: Int, _ schema: BodySchema.Node, _ bytes: Span<UInt8>, _ branches: inout [BodySchema.Node]
  ) -> Bool {
    if schema.rules.isNullable, tape.kind(node) == .null { return true }
    guard isOfType(node, schema) else { return false }
    if schema.hasBranches, !fits(node, schema, bytes, &branches) { return false }
    switch tape.kind(node) {
    case .object: return object(node, schema, branches, bytes)
    case .array: return array(node, schema, bytes)
    case .string: return string(node, schema, bytes)
    case .number: return number(node, schema, bytes)
    case .true, .false:
      return schema.rules.options.map { $0.booleans.contains(tape.kind(node) == .true) } ?? true
        || fail("is not one of its values")
    case .null: return schema.rules.type == nil && schema.rules.options == nil || fail("is null")
    }
  }

  // MARK: Violations

  private mutating func fail(_ what: String, _ kind: ErrorKind = .invalidArgument) -> Bool {
    (self.what, self.kind) = (what, kind)
    (message, isExplained) = (nil, false)
    path.removeAll()
    return false
  }

  /// What the schema of the value says of it, unless that of a part has spoken.
  private mutating func explain(_ schema: BodySchema.Node) {
    guard !isExplained, schema.rules.message != nil || schema.rules.error != nil else { return }
    isExplained = true
    message = schema.rules.message
    kind = schema.rules.error ?? kind
  }

  // MARK: Types

  private mutating func isOfType(_ node: Int, _ schema: BodySchema.Node) -> Bool {
    guard let type = schema.rules.type else { return true }
    let kind = tape.kind(node)
    switch type {
    case .object: return kind == .object || fail("is not an object")
    case .array: return kind == .array || fail("is not an array")
    case .string: return kind == .string || fail("is not a string")
    case .boolean: return kind == .true || kind == .false || fail("is not true or false")
    case .integer, .number: return kind == .number || fail("is not a number")
    }
  }

  // MARK: Branches

  /// Gathers what more holds for the value: the rules of its case, and those of `anyOf` and `oneOf` that fit.
  private mutating func fits(
    _ node: Int, _ schema: BodySchema.Node, _ bytes: Span<UInt8>, _ branches: inout [BodySchema.Node]
  ) -> Bool {
    if let match = schema.rules.cases?.matching(node, tape, bytes) {
      branches.append(match)
      guard branch(node, match, bytes, &branches) else { return false }
    }
    guard schema.rules.anyOf.isEmpty || count(of: schema.rules.anyOf, fitting: node, bytes, &branches) > 0 else { return false }
    guard !schema.rules.oneOf.isEmpty else { return true }
    switch count(of: schema.rules.oneOf, fitting: node, bytes, &branches) {
    case 0: return false
    case 1: return true
    default: return fail("fits several of the shapes of which it must have one")
    }
  }

  private mutating func branch(
    _ node: Int, _ schema: BodySchema.Node, _ bytes: Span<UInt8>, _ branches: inout [BodySchema.Node]
  ) -> Bool {
    if value(node, schema, bytes, &branches) { return true }
    explain(schema)
    return false
  }

  /// How many fit. With none, the violation is that of the branch that went furthest, where there is one.
  private mutating func count(
    of schemas: [BodySchema.Node], fitting node: Int, _ bytes: Span<UInt8>, _ branches: inout [BodySchema.Node]
  ) -> Int {
    var (count, furthest): (Int, SchemaCheck?) = (0, nil)
    for schema in schemas {
      var probe = SchemaCheck(tape: tape)
      var more = [schema]
      guard probe.branch(node, schema, bytes, &more) else {
        if !probe.path.isEmpty, probe.path.count > furthest?.path.count ?? 0 { furthest = probe }
        continue
      }
      count += 1
      branches += more
    }
    guard count == 0 else { return count }
    if let furthest { self = furthest } else { _ = fail("has none of the shapes of which it must have one") }
    return 0
  }

  /// The branches that fit a value that was found right.
  static func branches(
    of schema: BodySchema.Node, fitting node: Int, _ tape: JSONTape, _ bytes: Span<UInt8>
  ) -> [BodySchema.Node] {
    var check = SchemaCheck(tape: tape)
    var branches: [BodySchema.Node] = []
    _ = check.fits(node, schema, bytes, &branches)
    return branches
  }

  // MARK: Objects and arrays

  private mutating func object(
    _ node: Int, _ schema: BodySchema.Node, _ branches: [BodySchema.Node], _ bytes: Span<UInt8>
  ) -> Bool {
    for name in schema.rules.required where tape.member(name, of: node, in: bytes) == nil { return fail("lacks \(name.text)") }
    let isAnyThere = schema.rules.anyRequired.contains { $0.allSatisfy { tape.member($0, of: node, in: bytes) != nil } }
    guard schema.rules.anyRequired.isEmpty || isAnyThere else { return fail("lacks a property of which one must be there") }
    guard schema.rules.type != .object || schema.rules.countRange.contains(tape.childCount(node)) else {
      return fail("has too few or too many properties")
    }
    var key = node + 1
    for _ in 0..<tape.childCount(node) {
      defer { key = tape.next(key + 1) }
      if let index = schema.propertyIndex(key, tape, bytes) {
        guard value(key + 1, schema.rules.properties[index].node, bytes) else {
          path.append(.name(schema.rules.properties[index].name.text))
          return false
        }
        continue
      }
      if branches.contains(where: { $0.propertyIndex(key, tape, bytes) != nil }) { continue }
      guard additional(key, schema, branches, bytes) else { return false }
    }
    return true
  }

  /// A property that neither the schema nor a branch that fits lists.
  private mutating func additional(
    _ key: Int, _ schema: BodySchema.Node, _ branches: [BodySchema.Node], _ bytes: Span<UInt8>
  ) -> Bool {
    if case .refused = schema.rules.additional { return fail("has a property that the API does not know") }
    guard !isVariant(key, of: schema, bytes), !branches.contains(where: { isVariant(key, of: $0, bytes) }) else {
      return fail("has a property that the API does not know")
    }
    guard case .each(let each) = schema.rules.additional else { return true }
    if value(key + 1, each, bytes) { return true }
    // A name of the client's own is not repeated.
    path.append(.name("*"))
    return false
  }

  /// True when a name differs from one of the API's in nothing but case: a reader that does not mind case would take the one for
  /// the other (A30).
  private func isVariant(_ key: Int, of schema: BodySchema.Node, _ bytes: Span<UInt8>) -> Bool {
    guard !schema.foldedNames.isEmpty, let name = tape.string(key, in: bytes)?.lowercased() else { return false }
    return schema.foldedNames.contains(name)
  }

  private mutating func array(_ node: Int, _ schema: BodySchema.Node, _ bytes: Span<UInt8>) -> Bool {
    guard schema.rules.type != .array || schema.rules.countRange.contains(tape.childCount(node)) else {
      return fail("has too few or too many elements")
    }
    guard !schema.rules.hasUniqueItems || UniqueItems.hold(node, tape, bytes) else { return fail("has an element twice") }
    guard let items = schema.rules.items else { return true }
    var child = node + 1
    for index in 0..<tape.childCount(node) {
      guard value(child, items, bytes) else {
        path.append(.element(index))
        return false
      }
      child = tape.next(child)
    }
    return true
  }

  // MARK: Strings and numbers

  private mutating func string(_ node: Int, _ schema: BodySchema.Node, _ bytes: Span<UInt8>) -> Bool {
    guard let fault = tape.withText(node, in: bytes, { schema.fault(text: $0) }) ?? nil else { return true }
    return fail(fault.what, fault.kind)
  }

  private mutating func number(_ node: Int, _ schema: BodySchema.Node, _ bytes: Span<UInt8>) -> Bool {
    guard let fault = schema.fault(number: bytes.slice(tape.range(node))) else { return true }
    return fail(fault.what, fault.kind)
  }
}

/// What is wrong with one value.
struct ValueFault {
  var what: String
  var kind = ErrorKind.invalidArgument
}

extension BodySchema.Node {
  /// What is wrong with a string.
  func fault(text: Span<UInt8>) -> ValueFault? {
    if let options = rules.options, !options.texts.contains(where: { text.equals($0.span) }) {
      return ValueFault(what: "is not one of its values")
    }
    if rules.type == .string, rules.countRange != 0...Int.max, !rules.countRange.contains(Self.characterCount(text)) {
      return ValueFault(what: "is too short or too long")
    }
    if let pattern = rules.pattern, !pattern.matches(text) { return ValueFault(what: "has a wrong format") }
    if let format = rules.format, !format.admits(text.string()) { return ValueFault(what: "has a wrong format") }
    return nil
  }

  /// What is wrong with a number, as JSON writes one.
  func fault(number text: Span<UInt8>) -> ValueFault? {
    let literal = text.string()
    guard let number = Double(literal), number.isFinite else { return ValueFault(what: "is not a number") }
    // JSON Schema: 1.0 is an integer too.
    guard rules.type != .integer || number == number.rounded() else { return ValueFault(what: "is not a whole number") }
    if let options = rules.options, !options.numbers.contains(number) { return ValueFault(what: "is not one of its values") }
    if let numberRange = rules.numberRange, !numberRange.contains(number) {
      return ValueFault(what: "is out of range", kind: .outOfRange)
    }
    if let format = rules.format, !format.admits(number: number, literal) {
      return ValueFault(what: "is out of range", kind: .outOfRange)
    }
    if let step = rules.step, !(Decimal(literal)?.isMultiple(of: step) ?? false) {
      return ValueFault(what: "is not a multiple of its step")
    }
    return nil
  }

  /// Every byte but those that continue a character.
  private static func characterCount(_ text: Span<UInt8>) -> Int {
    var count = 0
    for index in text.indices where text[index] & 0xC0 != 0x80 { count += 1 }
    return count
  }
}

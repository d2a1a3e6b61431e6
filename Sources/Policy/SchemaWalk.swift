import Bytes

extension BodySchema {
  /// - Parameter tape: of these bytes.
  /// - Returns: the first violation; nil when the body is right.
  public func check(_ bytes: Span<UInt8>, tape: borrowing JSONTape) -> SchemaViolation? {
    let plan = compiled.plan
    var trail = SchemaTrail()
    if SchemaWalk(compiled, plan, JSONView(bytes, tape)).value(0, plan.root, &trail) { return nil }
    return (trail.fault ?? SchemaFault("has a wrong format")).violation
  }
}

/// What a walk finds on its way.
struct SchemaTrail {
  /// The branches that fit the values on the way from the root, one behind the other.
  var fitting = BranchStack()
  var fault: SchemaFault?

  /// - Returns: false.
  mutating func fail(_ what: String, _ kind: ErrorKind = .invalidArgument) -> Bool {
    fault = SchemaFault(what, kind)
    return false
  }
}

/// One pass of a schema over a body. It borrows all that it reads. A body that is right costs no memory, unless it has names or texts
/// with escapes, or elements that must differ.
struct SchemaWalk: ~Escapable {
  let rules: Span<SchemaPlan.Rule>
  let properties: Span<SchemaPlan.Property>
  let texts: Span<SchemaPlan.Text>
  let numbers: Span<SchemaPlan.Number>
  let patterns: Span<Pattern>
  let names: Span<UInt8>
  /// For what is asked more rarely.
  let compiled: CompiledSchema
  let json: JSONView

  /// - Parameter plan: the compiled one's.
  @inline(__always)
  @_lifetime(borrow plan, copy json)
  init(_ compiled: CompiledSchema, _ plan: borrowing SchemaPlan, _ json: JSONView) {
    self.compiled = compiled
    self.json = json
    rules = plan.rules.span
    properties = plan.properties.span
    texts = plan.texts.span
    numbers = plan.numbers.span
    patterns = plan.patterns.span
    names = plan.bytes.span
  }

  /// False when the value is wrong; the trail says how.
  func value(_ node: Int, _ rule: Int, _ trail: inout SchemaTrail) -> Bool {
    let base = trail.fitting.count
    let isRight = value(node, rule, branchesFrom: base, &trail)
    trail.fitting.removeAll(from: base)
    return isRight
  }

  /// The same, and leaves the branches that fit on the trail.
  ///
  /// - Parameter base: where those begin that count as the value's.
  func value(_ node: Int, _ rule: Int, branchesFrom base: Int, _ trail: inout SchemaTrail) -> Bool {
    if holds(node, rule, base, &trail) { return true }
    if let place = rules[rule].explanation { trail.fault?.explain(compiled.plan.explanations[Int(place)]) }
    return false
  }

  @inline(__always)
  private func holds(_ node: Int, _ rule: Int, _ base: Int, _ trail: inout SchemaTrail) -> Bool {
    let kind = json.kind(node)
    let bit = SchemaPlan.Rule.bit(kind)
    guard rules[rule].kinds & bit != 0 else {
      return rules[rule].isNullable && kind == .null || trail.fail(Self.wrongType(rules[rule].type))
    }
    guard !rules[rule].hasBranches || kind == .null && rules[rule].isNullable || fits(node, rule, base, &trail) else {
      return false
    }
    switch kind {
    case .object: return object(node, rule, base, &trail)
    case .array: return array(node, rule, &trail)
    case .string: return string(node, rule, &trail)
    case .number: return number(node, rule, &trail)
    case .true, .false: return rules[rule].words & bit != 0 || trail.fail("is not one of its values")
    case .null: return rules[rule].words & bit != 0 || rules[rule].isNullable || trail.fail("is null")
    }
  }

  private static func wrongType(_ type: BodySchema.ValueType?) -> String {
    switch type {
    case .object: "is not an object"
    case .array: "is not an array"
    case .string: "is not a string"
    case .boolean: "is not true or false"
    case .integer, .number, nil: "is not a number"
    }
  }

  private func array(_ node: Int, _ rule: Int, _ trail: inout SchemaTrail) -> Bool {
    guard isCounted(node, rule) else { return trail.fail("has too few or too many elements") }
    guard !rules[rule].hasUniqueItems || UniqueItems.hold(node, json) else { return trail.fail("has an element twice") }
    guard let items = rules[rule].items else { return true }
    var child = node + 1
    for index in 0..<json.childCount(node) {
      guard value(child, Int(items), &trail) else {
        trail.fault?.isUnder(element: index)
        return false
      }
      child = json.next(child)
    }
    return true
  }

  /// Of members or elements.
  @inline(__always)
  func isCounted(_ node: Int, _ rule: Int) -> Bool {
    let count = json.childCount(node)
    return count >= rules[rule].least && count <= rules[rule].most
  }

  @inline(__always)
  private func string(_ node: Int, _ rule: Int, _ trail: inout SchemaTrail) -> Bool {
    guard let place = rules[rule].text else { return true }
    guard
      let fault = json.hasEscapes(node)
        ? fault(text: json.unescaped(node).span, Int(place)) : fault(text: json.content(node), Int(place))
    else { return true }
    return trail.fail(fault.what, fault.kind)
  }

  private func number(_ node: Int, _ rule: Int, _ trail: inout SchemaTrail) -> Bool {
    guard let fault = fault(number: json.raw(node), Int(rules[rule].number)) else { return true }
    return trail.fail(fault.what, fault.kind)
  }
}

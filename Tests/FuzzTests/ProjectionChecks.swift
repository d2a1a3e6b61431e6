import ReferenceReaders

@testable import Bytes

/// The filter of answers: the first bytes make a rule and an agreement, the rest is the answer of a backend.
enum ProjectionChecks {
  private static let names = ["a", "b", "imei", "device", "é", "\"", "list"]

  static func check(_ bytes: [UInt8]) throws {
    var choices = Choices(bytes)
    let rule = rule(&choices, depth: 0)
    let allowed = FieldMask(choices.byte() & 15)
    let answer = Array(choices.rest)
    guard let value = ReferenceJSON.parse(answer) else { return }
    var tape = JSONTape()
    try tape.parse(answer.span)
    var output: [UInt8] = []
    guard case .complete(let released) = Projection(rule).project(answer.span, tape: tape, allowed: allowed, into: &output) else {
      return
    }
    try hold(released & ~allowed == 0, "more is released than was agreed to")
    guard let kept = ReferenceJSON.parse(output) else { throw Broken(description: "what leaves is not JSON") }
    try checkKept(kept, of: value, by: rule, allowed)
    // What may leave may leave again, and loses nothing.
    var (again, twice) = (JSONTape(), [UInt8]())
    try again.parse(output.span)
    let outcome = Projection(rule).project(output.span, tape: again, allowed: allowed, into: &twice)
    try hold(outcome == .complete(released: released) && twice == output, "filtered twice, it is another answer")
  }

  private static func rule(_ choices: inout Choices, depth: Int) -> Projection.Rule {
    let byte = choices.byte()
    switch depth < 4 ? byte % 8 : byte % 3 {
    case 0: return .always
    case 1: return .release(whenAny: FieldMask(choices.byte() & 15))
    case 2: return .whole(whenAny: byte & 0x80 == 0 ? nil : FieldMask(choices.byte() & 15))
    case 3: return .array(of: rule(&choices, depth: depth + 1))
    default:
      switch byte >> 6 {
      case 1: return .map(of: rule(&choices, depth: depth + 1))
      case 2: return .shapes(property: kind, ["x", "y"].map { ($0, object(&choices, depth: depth, isShape: true)) })
      default: return object(&choices, depth: depth, isShape: false)
      }
    }
  }

  /// Which shape an object has.
  private static let kind = "kind"

  private static func object(_ choices: inout Choices, depth: Int, isShape: Bool) -> Projection.Rule {
    var (fields, left): ([Projection.Field], [String]) = ([], names)
    if isShape { fields.append(.init(name: kind, rule: .always)) }
    for _ in 0..<Int(choices.byte() & 3) {
      let flags = choices.byte()
      let name = left.remove(at: Int(flags >> 2) % left.count)
      fields.append(
        .init(
          name: name, rule: rule(&choices, depth: depth + 1), required: flags & 1 != 0, nullable: flags & 2 != 0,
          nullWhenWithheld: flags & 0x83 == 0x83))
    }
    return .object(fields)
  }

  /// Everything that left stood there, at the same place and the same value, and its rule lets it leave.
  private static func checkKept(
    _ kept: ReferenceJSON, of value: ReferenceJSON, by rule: Projection.Rule, _ allowed: FieldMask
  ) throws(Broken) {
    switch rule {
    case .always: try hold(kept == value && isScalar(kept), "a value has changed")
    case .release(let mask):
      try hold(mask & allowed != 0 && kept == value && isScalar(kept), "a field left that was not agreed to")
    // A fuzzed rule has none.
    case .echo: throw Broken(description: "an echo of nothing left")
    case .whole(let mask):
      try hold(mask.map { $0 & allowed != 0 } ?? true && kept == withoutSecrets(value), "a part left that was not agreed to")
    case .array(let element):
      guard case .array(let kept) = kept, case .array(let all) = value, kept.count == all.count else {
        throw Broken(description: "an array has lost its shape")
      }
      for (kept, value) in zip(kept, all) { try checkKept(kept, of: value, by: element, allowed) }
    case .map(let element):
      guard case .object(let kept) = kept, case .object(let all) = value else { throw Broken(description: "a map is none") }
      let left = all.filter { !same($0.name, secret) }
      try hold(kept.count == left.count, "a map has lost its names")
      for (kept, member) in zip(kept, left) {
        try hold(same(kept.name, member.name), "a map has another name")
        try checkKept(kept.value, of: member.value, by: element, allowed)
      }
    case .shapes(let property, let cases):
      guard case .object(let all) = value, let member = all.first(where: { same($0.name, property) }),
        let shape = cases.first(where: { member.value == .string($0.value) })
      else { throw Broken(description: "an object of no shape left") }
      try checkKept(kept, of: value, by: shape.rule, allowed)
    case .object(let fields):
      guard case .object(let kept) = kept, case .object(let all) = value else { throw Broken(description: "an object is none") }
      for member in kept {
        guard let field = fields.first(where: { same($0.name, member.name) }),
          let value = all.first(where: { same($0.name, member.name) }) ?? withheld(field)
        else { throw Broken(description: "a field left that no rule names") }
        if field.nullable, member.value == .null, value.value == .null || field.nullWhenWithheld { continue }
        try checkKept(member.value, of: value.value, by: field.rule, allowed)
      }
      for field in fields where field.required {
        try hold(kept.contains { same($0.name, field.name) }, "a required field is missing")
      }
    }
  }

  /// A field that was withheld leaves as null, whether the backend had it or not.
  private static func withheld(_ field: Projection.Field) -> (name: String, value: ReferenceJSON)? {
    field.nullWhenWithheld ? (field.name, .null) : nil
  }

  private static let secret = "sinkCredential"

  private static func withoutSecrets(_ value: ReferenceJSON) -> ReferenceJSON {
    switch value {
    case .object(let members):
      .object(members.filter { !same($0.name, secret) }.map { (name: $0.name, value: withoutSecrets($0.value)) })
    case .array(let elements): .array(elements.map(withoutSecrets))
    default: value
    }
  }

  private static func isScalar(_ value: ReferenceJSON) -> Bool {
    switch value {
    case .object, .array: false
    default: true
    }
  }

  /// By bytes: equality of Swift's strings is canonical equivalence.
  private static func same(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
}

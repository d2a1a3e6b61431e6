import Foundation
import Testing

@testable import Bytes

/// The filter against a plain model of it over Foundation's objects: random answers, random rules, random agreements.
@Suite struct ProjectionModelTests {
  private static let names = ["imei", "model", "device", "list", "area", "tac", "é", "a/b"]

  private enum Refusal: Error { case withheld, missing, shape }

  private static func isVisible(_ rule: Projection.Rule, _ allowed: FieldMask) -> Bool {
    switch rule {
    case .always: true
    case .release(let mask), .echo(let mask): mask & allowed != 0
    case .whole(let mask): mask.map { $0 & allowed != 0 } ?? true
    case .object(let fields): fields.contains { isVisible($0.rule, allowed) }
    case .array(let element), .map(let element): isVisible(element, allowed)
    case .shapes(_, let cases): cases.contains { isVisible($0.rule, allowed) }
    }
  }

  /// Nothing that its API requires of it was withheld.
  private static func canStand(_ rule: Projection.Rule, _ allowed: FieldMask) -> Bool {
    switch rule {
    case .always, .release, .whole, .echo: true
    case .object(let fields):
      fields.allSatisfy {
        !$0.required || $0.nullWhenWithheld || mayLeave($0, allowed)
      }
    case .array(let element), .map(let element): canStand(element, allowed)
    case .shapes(_, let cases): cases.allSatisfy { canStand($0.rule, allowed) }
    }
  }

  /// A required object may be empty, where nothing in it is required.
  private static func mayLeave(_ field: Projection.Field, _ allowed: FieldMask) -> Bool {
    let isObject = if case .object = field.rule { true } else { false }
    return (isVisible(field.rule, allowed) || field.required && isObject) && canStand(field.rule, allowed)
  }

  private static func isObject(_ rule: Projection.Rule) -> Bool {
    switch rule {
    case .object, .shapes: true
    default: false
    }
  }

  private static let echo = "+33612345678"
  private static func isEcho(_ value: Any) -> Bool { value as? String == echo }
  private static func isEchoRule(_ rule: Projection.Rule) -> Bool { if case .echo = rule { true } else { false } }

  private static func model(_ value: Any, _ rule: Projection.Rule, _ allowed: FieldMask) throws -> Any {
    switch rule {
    case .always, .release:
      guard isVisible(rule, allowed) else { throw Refusal.withheld }
      guard !(value is [Any]), !(value is [String: Any]) else { throw Refusal.shape }
      return value
    case .whole:
      guard isVisible(rule, allowed) else { throw Refusal.withheld }
      return value
    case .echo:
      guard isVisible(rule, allowed) else { throw Refusal.withheld }
      guard isEcho(value) else { throw Refusal.missing }
      return value
    case .array(let element):
      guard let array = value as? [Any] else { throw Refusal.shape }
      return try array.map { try model($0, element, allowed) }
    case .map(let element):
      guard let object = value as? [String: Any] else { throw Refusal.shape }
      return try object.mapValues { try model($0, element, allowed) }
    case .shapes(let property, let cases):
      guard let object = value as? [String: Any], let name = object[property] as? String,
        let match = cases.first(where: { $0.value == name })
      else { throw Refusal.shape }
      return try model(value, match.rule, allowed)
    case .object(let fields):
      guard let object = value as? [String: Any] else { throw Refusal.shape }
      var kept: [String: Any] = [:]
      for field in fields {
        let visible = mayLeave(field, allowed)
        if field.required && !visible && field.nullWhenWithheld { kept[field.name] = NSNull(); continue }
        if field.required && !visible { throw Refusal.withheld }
        guard let member = object[field.name], !isEchoRule(field.rule) || isEcho(member) || field.nullable && member is NSNull
        else {
          if field.required { throw Refusal.missing }
          continue
        }
        if field.required, !field.nullable, member is NSNull { throw Refusal.missing }
        guard visible else { continue }
        let left = field.nullable && member is NSNull ? member : try model(member, field.rule, allowed)
        if !field.required, isObject(field.rule), let before = member as? [String: Any], !before.isEmpty,
          (left as? [String: Any])?.isEmpty == true
        {
          continue
        }
        kept[field.name] = left
      }
      return kept
    }
  }

  private static func rule(_ random: inout RandomJSON, _ depth: Int) -> Projection.Rule {
    switch random.pick(0..<(depth < 4 ? 10 : 4)) {
    case 0: return random.chance(70) ? .always : .whole(whenAny: random.chance(50) ? nil : FieldMask(random.pick(0..<16)))
    case 1...3:
      let mask = FieldMask(random.pick(0..<16))
      return random.chance(85) ? .release(whenAny: mask) : .echo(whenAny: mask)
    case 4: return .array(of: rule(&random, depth + 1))
    case 8: return .map(of: rule(&random, depth + 1))
    case 9:
      let shapes = ["CIRCLE", "POLYGON"].prefix(random.pick(1..<3))
      return .shapes(
        property: "shape",
        shapes.map { name in
          // Without the property that tells the shape, nothing of it may be left.
          let told: [Projection.Field] = random.chance(70) ? [.init(name: "shape", rule: .always)] : []
          return (name, .object(told + [.init(name: "x", rule: rule(&random, depth + 1))]))
        })
    default:
      let names = Self.names.shuffled(using: &random.generator).prefix(random.pick(0..<6))
      return .object(
        names.map {
          .init(
            name: $0, rule: rule(&random, depth + 1), required: random.chance(15), nullable: random.chance(30),
            nullWhenWithheld: random.chance(30))
        })
    }
  }

  /// An answer that mostly fits a rule, with fields that it does not name.
  private static func answer(_ rule: Projection.Rule, _ random: inout RandomJSON) -> String {
    if random.chance(2) { return random.value(depth: 5) }
    switch rule {
    case .whole: return random.value(depth: 4)
    // At depth 6 there are scalars alone.
    case .echo where random.chance(70): return random.chance(50) ? "\"\(echo)\"" : "\"\\u002B\(echo.dropFirst())\""
    case .always, .release, .echo: return random.value(depth: random.chance(3) ? 4 : 6)
    case .array(let element):
      return "[" + (0..<random.pick(0..<4)).map { _ in answer(element, &random) }.joined(separator: " ,") + "]"
    case .map(let element):
      return "{" + (0..<random.pick(0..<3)).map { "\"k\($0)\": \(answer(element, &random))" }.joined(separator: ", ") + "}"
    case .shapes(_, let cases):
      let shape = random.chance(90) ? cases[random.pick(0..<cases.count)].value : "LINE"
      guard case .object(let fields) = cases[0].rule, let field = fields.last else { return "null" }
      return "{\"shape\": \"\(shape)\", \"x\": \(answer(field.rule, &random)), \"y\": 1}"
    case .object(let fields):
      var members = fields.filter { _ in random.chance(90) }.map { field in
        let key =
          random.chance(10)
          ? field.name.unicodeScalars.map { "\\u" + String(String($0.value + 0x10000, radix: 16).dropFirst()) }.joined()
          : field.name
        return "\"\(key)\" : \(answer(field.rule, &random))"
      }
      if random.chance(50) { members.append("\"imsi\":\(random.value(depth: 5))") }
      return "{" + members.shuffled(using: &random.generator).joined(separator: ", ") + "}"
    }
  }

  @Test func theFilterDoesWhatItsModelDoes() throws {
    var random = RandomJSON(seed: 21)
    var (tape, completed, refused) = (JSONTape(), 0, 0)
    for round in 0..<3_000 {
      let rule = Self.rule(&random, 0)
      let text = Self.answer(rule, &random)
      let allowed = FieldMask(random.pick(0..<16))
      let bytes = Array(text.utf8)
      try tape.parse(bytes.span)
      var output: [UInt8] = []
      let outcome = Projection(rule).project(
        bytes.span, tape: tape, allowed: allowed, echoes: [Array("other".utf8), Array(Self.echo.utf8)], into: &output)
      let value = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      do {
        let kept = try Self.model(value, rule, allowed)
        guard case .complete(let released) = outcome else {
          Issue.record("round \(round): \(outcome) for \(text)")
          continue
        }
        completed += 1
        if released & ~allowed != 0 { Issue.record("round \(round): more was released than was allowed") }
        let read = try JSONSerialization.jsonObject(with: Data(output), options: .fragmentsAllowed)
        if (read as? NSObject) != (kept as? NSObject) { Issue.record("round \(round): \(text)") }
        // What leaves is strict JSON itself.
        try tape.parse(output.span)
      } catch let refusal as Refusal {
        refused += 1
        // The filter and its model may meet two faults in another order, but both refuse.
        if case .complete = outcome { Issue.record("round \(round): released although \(refusal): \(text)") }
      }
    }
    #expect(completed > 800 && refused > 300, "\(completed) and \(refused)")
  }
}

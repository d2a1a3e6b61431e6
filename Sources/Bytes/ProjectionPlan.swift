/// A rule of the filter as flat tables, so that the walk over an answer touches no reference count.
struct ProjectionPlan: Sendable {
  struct Step {
    enum Kind { case leaf, whole, echo, object, array, map, shapes }
    let kind: Kind
    /// Something below leaves when one of these is allowed.
    let mask: FieldMask
    /// Something below leaves in any case.
    let isAlways: Bool
    /// Of an object its first field, of an array or a map the step of its elements, of shapes the first of them.
    var first = 0
    var count = 0

    /// True when something of the value may leave.
    @inline(__always)
    func isVisible(_ allowed: FieldMask) -> Bool { isAlways || mask & allowed != 0 }
  }

  struct Field {
    /// The place of its name in `names`.
    let name: ByteRange
    let fingerprint: UInt32
    let required: Bool
    let nullable: Bool
    let nullWhenWithheld: Bool
    let step: Step
  }

  /// One of the shapes of an object.
  struct Shape {
    let property: ByteRange
    let fingerprint: UInt32
    let value: ByteRange
    let step: Step
  }

  private(set) var root = Step(kind: .leaf, mask: 0, isAlways: false)
  /// The fields of every object, side by side.
  private(set) var fields: [Field] = []
  private(set) var elements: [Step] = []
  private(set) var shapes: [Shape] = []
  private(set) var names: [UInt8] = []

  init(_ rule: Projection.Rule) { root = compile(rule) }

  private mutating func compile(_ rule: Projection.Rule) -> Step {
    switch rule {
    case .always: return Step(kind: .leaf, mask: 0, isAlways: true)
    case .release(let mask): return Step(kind: .leaf, mask: mask, isAlways: false)
    case .whole(let mask): return Step(kind: .whole, mask: mask ?? 0, isAlways: mask == nil)
    case .echo(let mask): return Step(kind: .echo, mask: mask, isAlways: false)
    case .array(let element): return container(.array, element)
    case .map(let element): return container(.map, element)
    case .shapes(let property, let cases): return compile(property, cases)
    case .object(let named):
      // What is below comes first, so that this object's own fields stand side by side.
      let compiled = named.map { field in
        let name = append(field.name)
        return Field(
          name: name, fingerprint: JSONKey.fingerprint(Array(field.name.utf8)), required: field.required,
          nullable: field.nullable, nullWhenWithheld: field.nullWhenWithheld,
          step: compile(field.rule))
      }
      fields += compiled
      return Step(
        kind: .object, mask: compiled.reduce(0) { $0 | $1.step.mask }, isAlways: compiled.contains { $0.step.isAlways },
        first: fields.count - compiled.count, count: compiled.count)
    }
  }

  private mutating func append(_ name: String) -> ByteRange {
    defer { names += name.utf8 }
    return ByteRange(start: names.count, count: name.utf8.count)
  }

  private mutating func container(_ kind: Step.Kind, _ element: Projection.Rule) -> Step {
    let step = compile(element)
    elements.append(step)
    return Step(kind: kind, mask: step.mask, isAlways: step.isAlways, first: elements.count - 1)
  }

  private mutating func compile(_ property: String, _ cases: [(value: String, rule: Projection.Rule)]) -> Step {
    let name = append(property)
    let fingerprint = JSONKey.fingerprint(Array(property.utf8))
    let compiled = cases.map { value, rule in
      Shape(property: name, fingerprint: fingerprint, value: append(value), step: compile(rule))
    }
    shapes += compiled
    return Step(
      kind: .shapes, mask: compiled.reduce(0) { $0 | $1.step.mask }, isAlways: compiled.contains { $0.step.isAlways },
      first: shapes.count - compiled.count, count: compiled.count)
  }
}

/// A rule of the filter as flat tables, so that the walk over an answer touches no reference count.
struct ProjectionPlan: Sendable {
  struct Step {
    enum Kind { case leaf, whole, object, array }
    let kind: Kind
    /// Something below leaves when one of these is allowed.
    let mask: FieldMask
    /// Something below leaves in any case.
    let isAlways: Bool
    /// Of an object its first field, of an array the step of its elements.
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
    let step: Step
  }

  private(set) var root = Step(kind: .leaf, mask: 0, isAlways: false)
  /// The fields of every object, side by side.
  private(set) var fields: [Field] = []
  private(set) var elements: [Step] = []
  private(set) var names: [UInt8] = []

  init(_ rule: Projection.Rule) { root = compile(rule) }

  private mutating func compile(_ rule: Projection.Rule) -> Step {
    switch rule {
    case .always: return Step(kind: .leaf, mask: 0, isAlways: true)
    case .release(let mask): return Step(kind: .leaf, mask: mask, isAlways: false)
    case .whole(let mask): return Step(kind: .whole, mask: mask ?? 0, isAlways: mask == nil)
    case .array(let element):
      let step = compile(element)
      elements.append(step)
      return Step(kind: .array, mask: step.mask, isAlways: step.isAlways, first: elements.count - 1)
    case .object(let named):
      // What is below comes first, so that this object's own fields stand side by side.
      let compiled = named.map { field in
        let name = ByteRange(start: names.count, count: field.name.utf8.count)
        names += field.name.utf8
        return Field(
          name: name, fingerprint: JSONKey.fingerprint(Array(field.name.utf8)), required: field.required,
          nullable: field.nullable,
          step: compile(field.rule))
      }
      fields += compiled
      return Step(
        kind: .object, mask: compiled.reduce(0) { $0 | $1.step.mask }, isAlways: compiled.contains { $0.step.isAlways },
        first: fields.count - compiled.count, count: compiled.count)
    }
  }
}

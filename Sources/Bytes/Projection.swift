/// Which data categories are allowed, one bit each.
public typealias FieldMask = UInt128

/// The allow-list filter of answers (DESIGN section 3.11), compiled once from a policy.
///
/// A field that is not named is dropped, at any depth; arrays keep their shape; numbers and strings keep their bytes. What
/// leaves is copied from the answer, never written anew.
///
/// `sinkCredential` never leaves, whatever lets the object leave in which it stands: it is a secret of the client's.
public struct Projection: Sendable {
  /// What becomes of one value.
  public indirect enum Rule: Sendable {
    /// A string, a number or a truth value, released as it stands when one of these categories is allowed; never, when the mask
    /// is 0.
    case release(whenAny: FieldMask)
    /// A string, a number or a truth value, released as it stands, always.
    case always
    /// Released with all that is in it, whatever it is, when one of these categories is allowed; nil: always.
    case whole(whenAny: FieldMask?)
    /// A string that is one of those that the client sent itself, when one of these categories is allowed; any other is as if it
    /// were not there.
    case echo(whenAny: FieldMask)
    /// An object of which only the named fields leave, each by its own rule. One that is not required, of which nothing is left,
    /// does not leave.
    case object([Field])
    /// An array; the rule is for each element.
    case array(of: Rule)
    /// An object of any names; the rule is for each value.
    case map(of: Rule)
    /// An object of one of several shapes, told apart by the string that a property has; one of none of them does not leave.
    case shapes(property: String, [(value: String, rule: Rule)])
  }

  /// A field that an answer may hold.
  public struct Field: Sendable {
    public var name: String
    public var rule: Rule
    /// The API's schema demands it: an answer without it must not leave.
    public var required: Bool
    /// `null` is a value that the API has. Otherwise it is none: a required field is missing with it.
    public var nullable: Bool

    /// A required field that was not agreed to leaves as `null`.
    public var nullWhenWithheld: Bool

    public init(
      name: String, rule: Rule, required: Bool = false, nullable: Bool = false, nullWhenWithheld: Bool = false
    ) {
      self.nullWhenWithheld = nullWhenWithheld
      self.name = name
      self.rule = rule
      self.required = required
      self.nullable = nullable
    }
  }

  public enum Outcome: Equatable, Sendable {
    /// The answer was written; these categories left with it.
    case complete(released: FieldMask)
    /// A required field was not agreed to.
    case withheldRequired(String)
    /// A required field is not in the answer.
    case missingRequired(String)
    /// A value is not an object or an array where the API has one, or is one where it has none: what is in it was never agreed to.
    case wrongShape(String)
  }

  private let plan: ProjectionPlan

  public init(_ rule: Rule) { plan = ProjectionPlan(rule) }

  /// Appends what may leave of an answer. After any outcome but `complete` the output is incomplete and must be thrown away.
  ///
  /// - Parameters:
  ///   - tape: of these bytes, read in the strict dialect.
  ///   - allowed: the categories that were agreed to.
  ///   - echoes: the texts that an `echo` may repeat.
  public func project(
    _ bytes: Span<UInt8>, tape: borrowing JSONTape, allowed: FieldMask, echoes: [[UInt8]] = [], into output: inout [UInt8]
  ) -> Outcome {
    var walk = ProjectionWalk(
      fields: plan.fields.span, elements: plan.elements.span, shapes: plan.shapes.span, names: plan.names.span,
      nodes: tape.nodes.span, bytes: bytes, echoes: echoes.span, allowed: allowed)
    walk.value(0, plan.root, &output)
    return walk.fault ?? .complete(released: walk.released)
  }

  /// True when some of the answer would be released by these categories; used to know what a page must offer.
  public func isReleased(by allowed: FieldMask) -> Bool { plan.root.isVisible(allowed) }
}

import Bytes

/// Where a body or a parameter breaks its API's schema. The message names the field by its path, never its value.
public struct SchemaViolation: Error, Equatable, Sendable {
  /// `invalidArgument`, `outOfRange` for a number outside its range, or what the schema says instead.
  public let kind: ErrorKind
  public let message: String
}

/// The schema of a body, compiled: the part of OpenAPI 3.0 that CAMARA's APIs use, applied to a parsed body in time linear in its
/// length.
public struct BodySchema: Sendable {
  let root: Node
  /// The same, for the walk over a body.
  let compiled: CompiledSchema

  init(_ root: Node) {
    self.root = root
    compiled = CompiledSchema(root)
  }

  enum ValueType: String, Sendable { case object, array, string, integer, number, boolean }

  /// A property that an object may have.
  struct Property: Sendable {
    let name: JSONName
    let node: Node
  }

  /// What becomes of properties that are not listed.
  enum Additional: Sendable {
    /// They go no further.
    case leftOut
    case refused
    case handedOn
    case each(Node)
  }

  /// Rules that depend on the value of one property (a discriminator).
  struct Cases: Sendable {
    let property: JSONName
    let nodes: [(value: [UInt8], node: Node)]
  }

  /// The values that there are; nil for a kind that has none.
  struct Options: Sendable {
    var texts: [[UInt8]] = []
    var numbers: [Double] = []
    var booleans: [Bool] = []
  }

  /// Numbers from, to, and in which steps.
  struct NumberRange: Sendable {
    var minimum = -Double.infinity
    var maximum = Double.infinity
    var excludesMinimum = false
    var excludesMaximum = false

    func contains(_ value: Double) -> Bool {
      (excludesMinimum ? value > minimum : value >= minimum) && (excludesMaximum ? value < maximum : value <= maximum)
    }
  }

  /// What one value must be.
  struct Rules: Sendable {
    /// Nil: anything that the other rules admit.
    var type: ValueType?
    var isNullable = false
    var properties: [Property] = []
    var required: [JSONName] = []
    /// At least one of these lists of properties must be there.
    var anyRequired: [[JSONName]] = []
    var additional = Additional.leftOut
    /// Of properties, elements, or characters.
    var countRange = 0...Int.max
    var items: Node?
    var hasUniqueItems = false
    var anyOf: [Node] = []
    var oneOf: [Node] = []
    var cases: Cases?
    var options: Options?
    var pattern: Pattern?
    var format: Format?
    var numberRange: NumberRange?
    var step: Decimal?
    /// Replaces the message of any violation of this value.
    var message: String?
    /// Replaces the error of any violation of this value.
    var error: ErrorKind?
  }

  /// Several may name the same one.
  final class Node: Sendable {
    let rules: Rules
    init(_ rules: Rules) { self.rules = rules }
  }

  enum Format: String, Sendable, CaseIterable {
    case ipv4, ipv6
    case dateTime = "date-time"
    case date, duration, uuid, uri
    case uriReference = "uri-reference"
    case email, hostname, byte
    case int32, int64, float, double
  }
}

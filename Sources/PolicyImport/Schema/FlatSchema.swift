/// A schema of OpenAPI 3.0 with its references followed and its `allOf` merged: what one value must be.
final class FlatSchema {
  struct Property {
    let name: String
    let schema: FlatSchema
  }

  /// What a document says in more than one way about one value.
  struct Variant {
    /// The value of the discriminating property that chooses it; nil where there is no discriminator.
    let value: String?
    let schema: FlatSchema
  }

  /// Where it stands, and what tells it from others.
  let node: SourceNode
  /// Of the component that it is; nil when it is written where it is used.
  var name: String?
  /// `object`, `array`, `string`, `integer`, `number`, `boolean`; nil when the document does not say and nothing tells.
  var type: String?
  var isNullable = false
  /// No element of an array stands twice.
  var isUnique = false
  var isReadOnly = false
  var isWriteOnly = false
  var description = ""
  var properties: [Property] = []
  var required: [String] = []
  /// Values of properties that are not named.
  var additional: FlatSchema?
  /// `additionalProperties: false`.
  var isClosed = false
  var items: FlatSchema?
  /// Strings, numbers and truth values, as the document writes them.
  var options: [SourceNode]?
  /// `minLength`, `maximum`, … as JSON writes them.
  var bounds: [(name: String, value: String)] = []
  var pattern: String?
  /// What keeps it from being used.
  var patternFault: String?
  var format: String?
  /// The property that chooses among the variants.
  var discriminator: String?
  /// One of them holds (`oneOf`, or what a discriminator maps to).
  var variants: [Variant] = []
  /// One of them at least holds (`anyOf`).
  var alternatives: [FlatSchema] = []
  /// Its own description names it again, or it lies too deep: what is in it is not looked at.
  var isOpaque = false

  init(_ node: SourceNode) { self.node = node }

  func property(_ name: String) -> FlatSchema? { properties.first { $0.name == name }?.schema }

  /// No number is between its bounds.
  var hasEmptyRange: Bool {
    func values(_ names: String...) -> [Double] { names.compactMap { bound($0).flatMap(Double.init) } }
    guard let least = values("minimum", "exclusiveMinimum").max(), let most = values("maximum", "exclusiveMaximum").min() else {
      return false
    }
    return least > most
  }

  func bound(_ name: String) -> String? { bounds.first { $0.name == name }?.value }

  /// Says the same, and also what another schema says of the same value (`allOf`).
  func merge(_ other: FlatSchema) {
    type = type ?? other.type
    isNullable = isNullable || other.isNullable
    isUnique = isUnique || other.isUnique
    isReadOnly = isReadOnly || other.isReadOnly
    isWriteOnly = isWriteOnly || other.isWriteOnly
    isClosed = isClosed || other.isClosed
    isOpaque = isOpaque || other.isOpaque
    if description.isEmpty { description = other.description }
    for property in other.properties { add(property) }
    for name in other.required where !required.contains(name) { required.append(name) }
    additional = additional ?? other.additional
    items = items ?? other.items
    if let theirs = other.options {
      options = options.map { mine in mine.filter { option in theirs.contains { $0.text == option.text } } } ?? theirs
    }
    for bound in other.bounds { narrow(bound.name, bound.value) }
    if pattern == nil { (pattern, patternFault) = (other.pattern, other.patternFault) }
    format = format ?? other.format
    if !other.variants.isEmpty, variants.isEmpty { (variants, discriminator) = (other.variants, other.discriminator) }
    if alternatives.isEmpty { alternatives = other.alternatives }
  }

  /// A property that is there already is merged with the new one.
  func add(_ property: Property) {
    guard let index = properties.firstIndex(where: { $0.name == property.name }) else { properties.append(property); return }
    let merged = FlatSchema(property.schema.node)
    merged.merge(properties[index].schema)
    merged.merge(property.schema)
    properties[index] = Property(name: property.name, schema: merged)
  }

  /// The stricter of two bounds holds.
  func narrow(_ name: String, _ value: String) {
    guard let index = bounds.firstIndex(where: { $0.name == name }) else { bounds.append((name, value)); return }
    guard let mine = Double(bounds[index].value), let theirs = Double(value) else { return }
    if name.lowercased().contains("min") ? theirs > mine : theirs < mine { bounds[index].value = value }
  }
}

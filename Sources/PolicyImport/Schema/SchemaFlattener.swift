import Bytes
import Policy

/// Flattens the schemas of one document.
struct SchemaFlattener {
  private let library: SourceLibrary
  private let notes: DraftNotes
  private let unfolding = Unfolding()
  /// Of all that the document names.
  private let patterns = Patterns()

  init(library: SourceLibrary, notes: DraftNotes) {
    self.library = library
    self.notes = notes
  }

  /// Schemas flattened so far, one that is named twice counted twice.
  private final class Unfolding { var count = 0 }

  /// What lies deeper is not looked at; a policy's schemas have at most sixteen levels.
  private static let depthMaximum = 14
  private static let types: Set<String> = ["object", "array", "string", "integer", "number", "boolean"]
  private static let bounds = [
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minimum", "maximum", "multipleOf",
  ]

  /// - Throws: `DocumentError` for a reference that leads nowhere, and for schemas that name each other too often.
  func flatten(_ node: SourceNode) throws(DocumentError) -> FlatSchema { try flatten(node, []) }

  /// - Parameter path: the schemas that led here, outermost first.
  private func flatten(_ node: SourceNode, _ path: [SourceNode]) throws(DocumentError) -> FlatSchema {
    let target = try library.resolve(node)
    guard target.isObject else { throw target.error("a schema wants an object") }
    guard path.count < Self.depthMaximum, !path.contains(where: { $0 === target }) else { return try opaque(target) }
    let flat = try merged(target, path + [target], hasVariants: true)
    flat.name = SourceLibrary.name(node)
    keepDeclared(flat)
    return flat
  }

  /// A part of an `allOf`. What a discriminator leads to usually names the schema that leads to it: that one counts once more, but is
  /// not led on from.
  private func part(_ node: SourceNode, _ path: [SourceNode]) throws(DocumentError) -> FlatSchema {
    let target = try library.resolve(node)
    guard target.isObject else { throw target.error("a schema wants an object") }
    let times = path.count { $0 === target }
    guard path.count < Self.depthMaximum + 4, times < 2 else { return try opaque(target) }
    return try merged(target, path + [target], hasVariants: times == 0)
  }

  /// - Parameter path: ends with the schema itself.
  private func merged(_ target: SourceNode, _ path: [SourceNode], hasVariants: Bool) throws(DocumentError) -> FlatSchema {
    try count(target)
    let flat = FlatSchema(target)
    try readKeywords(target, flat)
    try readProperties(target, flat, path)
    for element in target["allOf"]?.elements ?? [] { flat.merge(try part(element, path)) }
    if hasVariants { try readVariants(target, flat, path) }
    inferType(flat)
    return flat
  }

  /// Ten schemas that each name the next ten times are ten thousand million.
  private func count(_ target: SourceNode) throws(DocumentError) {
    unfolding.count += 1
    guard unfolding.count <= SourceLimits.schemasMaximum else {
      throw target.error("the schemas name each other too often: unfolded they are more than \(SourceLimits.schemasMaximum)")
    }
  }

  private func opaque(_ target: SourceNode) throws(DocumentError) -> FlatSchema {
    try count(target)
    let flat = FlatSchema(target)
    flat.type = try target["type"].map(Self.type) ?? "object"
    flat.isOpaque = true
    notes.add(target, "names itself again or lies too deep: what is in it is not looked at")
    return flat
  }

  private func readKeywords(_ node: SourceNode, _ flat: FlatSchema) throws(DocumentError) {
    if let type = node["type"] { flat.type = try Self.type(type) }
    flat.isNullable = node["nullable"]?.boolean ?? false
    flat.isReadOnly = node["readOnly"]?.boolean ?? false
    flat.isWriteOnly = node["writeOnly"]?.boolean ?? false
    flat.description = node["description"]?.text ?? ""
    flat.required = node["required"]?.strings ?? []
    flat.options = node["enum"]?.elements
    flat.format = node["format"]?.string
    for name in Self.bounds { if let value = node[name]?.number { flat.narrow(name, value) } }
    for (name, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")]
    where node[exclusive]?.boolean == true {
      // OpenAPI 3.0 says it with a truth value beside the bound, a policy with the bound itself.
      guard let bound = flat.bound(name) else { continue }
      flat.bounds.removeAll { $0.name == name }
      flat.bounds.append((exclusive, bound))
    }
    flat.isUnique = node["uniqueItems"]?.boolean ?? false
    if let text = node["pattern"]?.string { try readPattern(text, node, flat) }
  }

  private static func type(_ node: SourceNode) throws(DocumentError) -> String {
    guard let name = node.string else { throw node.error("a type wants to be one name; lists of types are OpenAPI 3.1's") }
    guard types.contains(name) else { throw node.error("\"\(SourceLibrary.plain(name))\" is no type") }
    return name
  }

  private func readPattern(_ text: String, _ node: SourceNode, _ flat: FlatSchema) throws(DocumentError) {
    // A format that was written as a pattern: no value of the format would match.
    if PolicySyntax.isFormat(text, of: node["type"]?.string ?? "string") {
      notes.add(node, "the pattern is the name of a format, and is taken as one")
      flat.format = flat.format ?? text
      return
    }
    flat.pattern = text
    flat.patternFault = patterns.fault(text)
    // One that is too large is left out and told of; where there is nothing left for any other, somebody meant it so.
    guard !patterns.isExhausted else { throw node.error("the patterns of the document take too much to compile") }
  }

  private func readProperties(_ node: SourceNode, _ flat: FlatSchema, _ path: [SourceNode]) throws(DocumentError) {
    for member in node["properties"]?.members ?? [] {
      flat.properties.append(FlatSchema.Property(name: member.name, schema: try flatten(member.value, path)))
    }
    if let items = node["items"] { flat.items = try flatten(items, path) }
    if let additional = node["additionalProperties"] {
      if additional.boolean == false, flat.type == nil || flat.type == "object" { flat.isClosed = true }
      if additional.isObject { flat.additional = try flatten(additional, path) }
    }
  }

  private func readVariants(_ node: SourceNode, _ flat: FlatSchema, _ path: [SourceNode]) throws(DocumentError) {
    if let discriminator = node["discriminator"], let property = discriminator["propertyName"]?.string {
      try readMapping(discriminator, property, flat, path)
    }
    if flat.variants.isEmpty, let parts = node["oneOf"]?.elements {
      var variants: [FlatSchema.Variant] = []
      for part in parts { variants.append(FlatSchema.Variant(value: nil, schema: try flatten(part, path))) }
      flat.variants = variants
    }
    for part in node["anyOf"]?.elements ?? [] { flat.alternatives.append(try flatten(part, path)) }
  }

  /// A discriminator's mapping. The schemas that it names usually have this one in their `allOf`: where they lead here, they are not
  /// followed again.
  private func readMapping(
    _ discriminator: SourceNode, _ property: String, _ flat: FlatSchema, _ path: [SourceNode]
  ) throws(DocumentError) {
    var targets: [(value: String, node: SourceNode)] = []
    for member in discriminator["mapping"]?.members ?? [] {
      guard let text = member.value.string else { throw member.value.error("a mapping wants references") }
      let reference = SourceNode.Content.object([
        SourceNode.Member(name: "$ref", value: Self.reference(text, member.value))
      ])
      targets.append((member.name, SourceNode(reference, member.value.origin)))
    }
    var variants: [FlatSchema.Variant] = []
    for (value, node) in targets {
      let target = try library.resolve(node)
      guard !path.contains(where: { $0 === target }) else {
        // The schema itself is one of its variants (it says no more than the base), or this is the base of the variant at hand.
        if target === path.last { continue }
        return
      }
      variants.append(FlatSchema.Variant(value: value, schema: try flatten(node, path)))
    }
    guard !variants.isEmpty else { return }
    (flat.variants, flat.discriminator) = (variants, property)
  }

  /// A mapping may hold the name of a schema alone (OpenAPI 3.0.3, Discriminator Object).
  private static func reference(_ text: String, _ node: SourceNode) -> SourceNode {
    text.contains("#") || text.contains(".") ? node : SourceNode(.string("#/components/schemas/" + text), node.origin)
  }

  private func inferType(_ flat: FlatSchema) {
    guard flat.type == nil else { return }
    if !flat.properties.isEmpty || flat.additional != nil || !flat.required.isEmpty {
      flat.type = "object"
    } else if flat.items != nil {
      flat.type = "array"
    } else if let options = flat.options, !options.isEmpty {
      if options.allSatisfy({ $0.string != nil }) {
        flat.type = "string"
      } else if options.allSatisfy({ $0.integer != nil }) {
        flat.type = "integer"
      }
    } else if let types = Optional(Set(flat.variants.map(\.schema.type))), types.count == 1, let only = types.first {
      flat.type = only
    } else if flat.pattern != nil || flat.format != nil {
      flat.type = "string"
    }
  }

  /// A name that is required but nowhere declared would refuse every right value.
  private func keepDeclared(_ flat: FlatSchema) {
    guard flat.type == "object", !flat.properties.isEmpty else { return }
    let known = flat.properties.map(\.name) + flat.variants.flatMap { $0.schema.properties.map(\.name) }
    for name in flat.required where !known.contains(name) {
      notes.add(flat.node, "requires \"\(SourceLibrary.plain(name))\", which it does not declare: not required here")
    }
    flat.required.removeAll { !known.contains($0) }
  }
}

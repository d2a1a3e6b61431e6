import Policy

/// Writes flattened schemas as policies have them (policies/README.md, "Schemas").
final class SchemaText {
  private let notes: DraftNotes
  /// Named schemas in the order of their first use.
  private(set) var named: [PolicyTree.Entry] = []
  private var names: [ObjectIdentifier: String] = [:]
  /// Codes that the document has for its own errors.
  private let codes: Set<String>

  /// Properties whose faults CAMARA's event guide gives codes of their own (section 3.1).
  private static let errors = [
    "sink": "INVALID_SINK", "protocol": "INVALID_PROTOCOL", "credentialType": "INVALID_CREDENTIAL",
    "accessTokenType": "INVALID_TOKEN",
  ]

  init(_ notes: DraftNotes, codes: Set<String> = []) {
    self.notes = notes
    self.codes = codes
  }

  /// An object that is a component of the document stands under its name once, and is named from then on.
  func schema(_ flat: FlatSchema) -> PolicyTree {
    guard let name = flat.name, flat.type == "object", !flat.isOpaque, !flat.properties.isEmpty else { return whole(flat) }
    let identity = ObjectIdentifier(flat.node)
    if let known = names[identity] { return .members(["ref": .string(known)]) }
    var unused = name
    var number = 2
    while named.contains(where: { $0.name == unused }) { (unused, number) = ("\(name)\(number)", number + 1) }
    names[identity] = unused
    let place = named.count
    named.append(PolicyTree.Entry(unused, .null))
    named[place].value = whole(flat)
    return .members(["ref": .string(unused)])
  }

  private func whole(_ flat: FlatSchema) -> PolicyTree {
    guard let type = flat.type else { return untyped(flat) }
    var tree = PolicyTree.members(["type": .string(type)])
    if flat.isNullable { tree["nullable"] = .boolean(true) }
    guard !flat.isOpaque else { return tree }
    switch type {
    case "object": object(flat, &tree)
    case "array": array(flat, &tree)
    default: scalar(flat, type, &tree)
    }
    return tree
  }

  /// Whatever JSON has.
  private func untyped(_ flat: FlatSchema) -> PolicyTree {
    let branches = flat.variants.map(\.schema) + flat.alternatives
    if !branches.isEmpty { return .members([flat.alternatives.isEmpty ? "oneOf" : "anyOf": .list(branches.map(schema))]) }
    notes.add(flat.node, "says nothing of the type: anything is taken")
    let types = ["string", "number", "boolean", "object", "array"]
    return .members([
      "anyOf": .list(types.map { PolicyTree.members(["type": .string($0), "nullable": .boolean(true)]) })
    ])
  }

  // MARK: Objects

  private func object(_ flat: FlatSchema, _ tree: inout PolicyTree) {
    counts(["minProperties", "maxProperties"], flat, &tree)
    let properties = merged(flat).filter { !isLeftOut($0.schema) }
    let required = flat.required.filter { name in properties.contains { $0.name == name } }
    if !required.isEmpty { tree["required"] = .list(required) }
    anyRequired(flat, properties, &tree)
    if !properties.isEmpty {
      tree["properties"] = .object(properties.map { PolicyTree.Entry($0.name, property($0)) })
    }
    if flat.isClosed { tree["additionalProperties"] = .boolean(false) }
    if let additional = flat.additional { tree["additionalProperties"] = schema(additional) }
    if let discriminator = flat.discriminator {
      cases(flat, discriminator, &tree)
    } else if !flat.variants.isEmpty {
      tree["oneOf"] = .list(flat.variants.map { whole($0.schema) })
    }
    let alternatives = flat.alternatives.filter { !Self.isRequirement($0) }
    if !alternatives.isEmpty { tree["anyOf"] = .list(alternatives.map(whole)) }
  }

  private func property(_ property: FlatSchema.Property) -> PolicyTree {
    var tree = schema(property.schema)
    if let code = Self.errors[property.name], codes.contains(code), tree["ref"] == nil { tree["error"] = .string(code) }
    return tree
  }

  /// Its own properties, and those of all that a discriminator leads to: what is listed nowhere else would not reach the backend.
  private func merged(_ flat: FlatSchema) -> [FlatSchema.Property] {
    guard flat.discriminator != nil else { return flat.properties }
    var properties = flat.properties
    for property in flat.variants.flatMap(\.schema.properties) where !properties.contains(where: { $0.name == property.name }) {
      let meanings = flat.variants.compactMap { $0.schema.property(property.name) }
      let isOne = Set(meanings.map { ObjectIdentifier($0.node) }).count == 1
      properties.append(isOne ? property : FlatSchema.Property(name: property.name, schema: Self.loose(property.schema)))
    }
    return properties
  }

  /// Of a property that means something else in each case: its type, when they agree on that.
  private static func loose(_ schema: FlatSchema) -> FlatSchema {
    let loose = FlatSchema(schema.node)
    loose.type = schema.type
    return loose
  }

  private func cases(_ flat: FlatSchema, _ discriminator: String, _ tree: inout PolicyTree) {
    guard let property = merged(flat).first(where: { $0.name == discriminator }), property.schema.type == "string" else {
      notes.add(flat.node, "its discriminator is no text property: its cases are not told apart")
      return
    }
    var values: [PolicyTree.Entry] = []
    for variant in flat.variants {
      let schema = FlatSchema(variant.schema.node)
      schema.type = "object"
      schema.properties = flat.properties
      schema.merge(variant.schema)
      (schema.variants, schema.discriminator, schema.alternatives) = ([], nil, variant.schema.alternatives)
      values.append(PolicyTree.Entry(variant.value ?? "", whole(schema)))
    }
    tree["cases"] = .members(["property": .string(discriminator), "values": .object(values)])
  }

  /// `anyOf` of nothing but `required`.
  private func anyRequired(_ flat: FlatSchema, _ properties: [FlatSchema.Property], _ tree: inout PolicyTree) {
    let lists = flat.alternatives.filter(Self.isRequirement).map { $0.node["required"]?.strings ?? [] }
    guard !lists.isEmpty, lists.allSatisfy({ !$0.isEmpty && $0.allSatisfy { name in properties.contains { $0.name == name } } })
    else { return }
    tree["anyRequired"] = .list(lists.map { PolicyTree.list($0) })
  }

  private static func isRequirement(_ flat: FlatSchema) -> Bool {
    flat.node.members.allSatisfy { $0.name == "required" || $0.name == "description" } && flat.node["required"] != nil
  }

  /// Bodies of requests do not carry it.
  func isLeftOut(_ flat: FlatSchema) -> Bool { flat.isReadOnly }

  // MARK: Arrays and scalars

  private func array(_ flat: FlatSchema, _ tree: inout PolicyTree) {
    counts(["minItems", "maxItems"], flat, &tree)
    if flat.isUnique { tree["uniqueItems"] = .boolean(true) }
    if let items = flat.items { tree["items"] = schema(items) }
  }

  private func scalar(_ flat: FlatSchema, _ type: String, _ tree: inout PolicyTree) {
    if let options = flat.options {
      let values = options.compactMap { option(type, $0) }
      if !values.isEmpty { tree["enum"] = .list(values) }
    }
    if type == "string" {
      counts(["minLength", "maxLength"], flat, &tree)
      if let pattern = flat.pattern { self.pattern(pattern, flat, &tree) }
    } else if type != "boolean" {
      bounds(flat, &tree)
    }
    // OpenAPI leaves formats open: what is not known means nothing.
    if let format = flat.format, PolicySyntax.isFormat(format, of: type) { tree["format"] = .string(format) }
  }

  /// A value in the type's own terms: a YAML document may have written `2` where a string is meant.
  private func option(_ type: String, _ node: SourceNode) -> PolicyTree? {
    switch type {
    case "string": node.text.map { .string($0) }
    case "boolean": node.boolean.map { .boolean($0) }
    default: node.number.map { .number($0) }
    }
  }

  private func pattern(_ pattern: String, _ flat: FlatSchema, _ tree: inout PolicyTree) {
    if let fault = flat.patternFault {
      notes.add(flat.node, "the pattern is left out: \(fault)")
    } else {
      tree["pattern"] = .string(pattern)
    }
  }

  private func bounds(_ flat: FlatSchema, _ tree: inout PolicyTree) {
    if flat.hasEmptyRange {
      notes.add(flat.node, "its bounds are left out: the lower one is above the upper one")
    } else {
      for name in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
        if let value = flat.bound(name) { tree[name] = .number(value) }
      }
    }
    if let step = flat.bound("multipleOf") {
      if PolicySyntax.isStep(step) {
        tree["multipleOf"] = .number(step)
      } else {
        notes.add(flat.node, "multipleOf is left out: a step is above 0, and has 18 digits at most")
      }
    }
  }

  /// - Parameter names: of the lower one and the upper one.
  private func counts(_ names: [String], _ flat: FlatSchema, _ tree: inout PolicyTree) {
    let given = names.compactMap { flat.bound($0).flatMap { Int($0) } }
    guard given.count < 2 || given[0] <= given[1] else {
      notes.add(flat.node, "its bounds are left out: the lower one is above the upper one")
      return
    }
    for name in names {
      guard let text = flat.bound(name), let value = Int(text), value >= 0 else { continue }
      // More than a body can hold is no bound.
      if value <= PolicySyntax.countMaximum { tree[name] = .number(String(value)) }
    }
  }
}

import Bytes

/// Whether a filter lets through what an answer's schema demands: one that drops a required field would make every answer break its
/// API. Checked when policies are loaded.
enum SchemaCoverage {
  /// - Parameters:
  ///   - projection: the policy's `fields` or `items`.
  ///   - place: where the policy speaks of the answer.
  static func check(
    projection content: JSONValue, _ schema: BodySchema, namesDevice: Bool, _ place: JSONValue
  ) throws(DocumentError) {
    if let fields = content["fields"] {
      try object(fields, schema.root, namesDevice ? ["device"] : [])
    } else if let items = content["items"] {
      guard schema.root.rules.type != .object else { throw items.error("the schema has an object here, not an array") }
      if let element = schema.root.rules.items { try rule(items, element) }
    } else {
      throw place.error("an answer with a schema wants fields or items")
    }
  }

  private static func rule(_ value: JSONValue, _ schema: BodySchema.Node) throws(DocumentError) {
    if let fields = value["fields"] {
      try object(fields, schema, [])
    } else if let items = value["items"], let element = schema.rules.items {
      try rule(items, element)
    } else if let entries = value["entries"], case .each(let each) = schema.rules.additional {
      try rule(entries, each)
    } else if let shapes = value["shapes"] {
      for member in shapes["values"]?.keys ?? [] {
        let shape = schema.rules.cases?.nodes.first { $0.value == Array(member.name.utf8) }?.node
        guard let fields = member.value["fields"] else { continue }
        try object(fields, schema, [], more: shape)
      }
    }
  }

  /// - Parameter written: the fields that the gateway writes itself.
  private static func object(
    _ fields: JSONValue, _ schema: BodySchema.Node, _ written: [String], more: BodySchema.Node? = nil
  ) throws(DocumentError) {
    guard schema.rules.type != .array else { throw fields.error("the schema has an array here, not an object") }
    for name in schema.rules.required + (more?.rules.required ?? []) where !written.contains(name.text) {
      guard let field = fields[name.text] else {
        throw fields.error("the schema requires \"\(name.text)\", and the filter would drop it")
      }
      guard field["required"]?.boolean == true else {
        throw field.error("the schema requires \"\(name.text)\", so the field wants \"required\": true")
      }
    }
    for property in schema.rules.properties + (more?.rules.properties ?? []) {
      if let field = fields[property.name.text] { try rule(field, property.node) }
    }
  }
}

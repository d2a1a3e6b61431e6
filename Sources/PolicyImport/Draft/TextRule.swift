import Policy

/// The rule of a text that stands in a path, a query or a field of the head.
enum TextRule {
  static func tree(_ schema: FlatSchema, isRequired: Bool, _ notes: DraftNotes) -> PolicyTree {
    let item = schema.type == "array" ? schema.items ?? schema : schema
    var tree = PolicyTree.object([])
    if item.type == "boolean" {
      tree["type"] = .string("boolean")
    } else if item.type == "integer" || item.type == "number" {
      tree["type"] = .string(item.type!)
      let names = item.hasEmptyRange ? [] : ["minimum", "maximum"]
      for name in names { if let value = item.bound(name) { tree[name] = .number(value) } }
    } else {
      text(item, &tree, notes)
    }
    if isRequired { tree["required"] = .boolean(true) }
    return tree
  }

  private static func text(_ schema: FlatSchema, _ tree: inout PolicyTree, _ notes: DraftNotes) {
    if let options = schema.options { tree["enum"] = .list(options.compactMap(\.text)) }
    let lengths = ["minLength", "maxLength"].compactMap { schema.bound($0).flatMap { Int($0) } }
    for name in ["minLength", "maxLength"] where lengths.count < 2 || lengths[0] <= lengths[1] {
      if let value = schema.bound(name).flatMap({ Int($0) }), (0...1024).contains(value) { tree[name] = .number(String(value)) }
    }
    if let pattern = schema.pattern {
      if let fault = schema.patternFault {
        notes.add(schema.node, "the pattern is left out: \(fault)")
      } else {
        tree["pattern"] = .string(pattern)
      }
    }
    if let format = schema.format, PolicySyntax.isFormat(format, of: "string") { tree["format"] = .string(format) }
  }
}

import Policy

/// Drafts what of an answer may leave. Nothing does before a person has looked at it: each field says `review`.
struct AnswerDraft {
  let proposals: FieldProposals
  let notes: DraftNotes
  let isAboutPerson: Bool
  /// The body may name the subscriber, so the answer may repeat who it was.
  let repeatsSubject: Bool
  /// Field scopes: name of a field to the scopes of which one is needed.
  let fieldScopes: [String: [String]]

  /// The categories that were proposed, and whether a field has neither category nor release.
  final class Tally {
    var hasCategory = false
    var hasUnknown = false
  }
  let tally = Tally()

  private static let depthMaximum = 12

  func tree(_ answers: [OperationFacts.Answer]) -> PolicyTree {
    let namesDevice = answers.contains { $0.body?.property("device").map(SubjectProposal.isDevice) ?? false }
    let contents = answers.map { ($0.status, content($0.body), headers($0.headers)) }
    let isOne = contents.dropFirst().allSatisfy { $0.1 == contents[0].1 }
    let names: PolicyTree? = namesDevice && repeatsSubject ? .boolean(true) : nil
    let fields = contents.first { $0.2 != nil }?.2
    if isOne {
      return join(
        .members(["status": .list(contents.map { PolicyTree.number(String($0.0)) }), "namesDevice": names, "headers": fields]),
        contents.first?.1)
    }
    let entries = contents.map { PolicyTree.Entry(String($0.0), $0.1 ?? .object([])) }
    return .members(["answers": .object(entries), "namesDevice": names, "headers": fields])
  }

  private func join(_ tree: PolicyTree, _ more: PolicyTree?) -> PolicyTree {
    var tree = tree
    for entry in more?.members ?? [] { tree[entry.name] = entry.value }
    return tree
  }

  private func headers(_ headers: [(name: String, schema: FlatSchema)]) -> PolicyTree? {
    let known = headers.filter { PolicySyntax.isPassable(header: $0.name) }
    guard !known.isEmpty else { return nil }
    return .object(known.map { PolicyTree.Entry($0.name, TextRule.tree($0.schema, isRequired: false, notes)) })
  }

  /// `fields` or `items`; nil for an answer without a body.
  private func content(_ body: FlatSchema?) -> PolicyTree? {
    guard let body else { return nil }
    if body.type == "array" { return .members(["items": rule(body.items, [])]) }
    if !body.properties.isEmpty || !body.variants.isEmpty {
      let fields = self.fields(body, [], isRoot: true)
      return fields.members.isEmpty ? nil : .members(["fields": fields])
    }
    notes.add(body.node, "the answer's content is not described: nothing of it leaves")
    return nil
  }

  /// - Parameter isRoot: of the answer itself, where `device` is what the gateway writes or what only its namer gets.
  private func fields(_ schema: FlatSchema, _ path: [String], isRoot: Bool = false) -> PolicyTree {
    var entries: [PolicyTree.Entry] = []
    for property in Self.properties(schema) where !property.schema.isWriteOnly && property.name != "sinkCredential" {
      let isNamed = isRoot && property.name == "device"
      let isDevice = SubjectProposal.isDevice(property.schema) || isNamed
      if isNamed, repeatsSubject, SubjectProposal.isDevice(property.schema) { continue }
      let isRequired = schema.required.contains(property.name)
      let here = path + [property.name]
      var tree = isDevice ? repeated(property.schema, here) : rule(property.schema, here)
      if isRequired, !isDevice { tree = PolicyTree.object([PolicyTree.Entry("required", .boolean(true))] + tree.entries) }
      if property.schema.isNullable { tree = PolicyTree.object([PolicyTree.Entry("nullable", .boolean(true))] + tree.entries) }
      if path.isEmpty, let scopes = fieldScopes[property.name] { tree["scopes"] = .list(scopes) }
      entries.append(PolicyTree.Entry(property.name, tree))
    }
    return .object(entries)
  }

  /// A device that an answer repeats from the request, or from the one that made a resource: it leaves for the client that named it.
  private func repeated(_ device: FlatSchema, _ path: [String]) -> PolicyTree {
    var tree = rule(device, path, isRepeated: true)
    tree["named"] = .boolean(true)
    return tree
  }

  private func rule(_ schema: FlatSchema?, _ path: [String], isRepeated: Bool = false) -> PolicyTree {
    guard let schema, path.count < Self.depthMaximum else { return leaf(path, isWhole: true, isRepeated) }
    switch schema.type {
    case "array": return .members(["items": rule(schema.items, path, isRepeated: isRepeated)])
    case "object" where !schema.isOpaque:
      if let shapes = shapes(schema, path) { return shapes }
      if !Self.properties(schema).isEmpty {
        return .members(["fields": isRepeated ? repeatedFields(schema, path) : fields(schema, path)])
      }
      if let additional = schema.additional { return .members(["entries": rule(additional, path)]) }
      return leaf(path, isWhole: true, isRepeated)
    case "object", nil: return leaf(path, isWhole: true, isRepeated)
    default: return leaf(path, isWhole: false, isRepeated)
    }
  }

  private func repeatedFields(_ schema: FlatSchema, _ path: [String]) -> PolicyTree {
    .object(Self.properties(schema).map { PolicyTree.Entry($0.name, rule($0.schema, path + [$0.name], isRepeated: true)) })
  }

  /// An object whose shape one of its properties tells.
  private func shapes(_ schema: FlatSchema, _ path: [String]) -> PolicyTree? {
    guard let property = schema.discriminator, !schema.variants.isEmpty, Self.differ(schema) else { return nil }
    let values = schema.variants.map { variant in
      let whole = FlatSchema(variant.schema.node)
      (whole.properties, whole.required) = (schema.properties, schema.required)
      whole.merge(variant.schema)
      (whole.variants, whole.discriminator) = ([], nil)
      return PolicyTree.Entry(variant.value ?? "", .members(["fields": fields(whole, path)]))
    }
    return .members(["shapes": .members(["property": .string(property), "values": .object(values)])])
  }

  /// One shape alone, or shapes that all have the same fields, are no shapes.
  private static func differ(_ schema: FlatSchema) -> Bool {
    guard let first = schema.variants.first?.schema else { return false }
    return schema.variants.dropFirst().contains { !sameNames($0.schema, first) }
  }

  /// The same fields at every level.
  private static func sameNames(_ one: FlatSchema, _ other: FlatSchema) -> Bool {
    if one.node === other.node { return true }
    guard one.properties.count == other.properties.count, (one.items == nil) == (other.items == nil) else { return false }
    if let mine = one.items, let theirs = other.items, !sameNames(mine, theirs) { return false }
    return one.properties.allSatisfy { property in
      other.property(property.name).map { sameNames(property.schema, $0) } ?? false
    }
  }

  /// With those of variants that are not told apart; what only some of them require is not required.
  private static func properties(_ schema: FlatSchema) -> [FlatSchema.Property] {
    var properties = schema.properties
    let own = Set(properties.map(\.name))
    for property in (schema.variants.map(\.schema) + schema.alternatives).flatMap(\.properties) where !own.contains(property.name)
    {
      if let index = properties.firstIndex(where: { $0.name == property.name }) {
        properties[index] = FlatSchema.Property(name: property.name, schema: union(properties[index].schema, property.schema))
      } else {
        properties.append(property)
      }
    }
    return properties
  }

  /// What a value may have that is one of two: the fields of both, required where both require them.
  private static func union(_ one: FlatSchema, _ other: FlatSchema) -> FlatSchema {
    if one.node === other.node { return one }
    let both = FlatSchema(one.node)
    (both.type, both.isNullable) = (one.type ?? other.type, one.isNullable || other.isNullable)
    (both.variants, both.discriminator, both.alternatives) = (
      one.variants, one.discriminator, one.alternatives + other.alternatives
    )
    (both.additional, both.isOpaque) = (one.additional ?? other.additional, one.isOpaque || other.isOpaque)
    both.properties = one.properties.map { property in
      other.property(property.name).map { FlatSchema.Property(name: property.name, schema: union(property.schema, $0)) }
        ?? property
    }
    both.properties += other.properties.filter { one.property($0.name) == nil }
    both.required = one.required.filter(other.required.contains)
    if let mine = one.items, let theirs = other.items {
      both.items = union(mine, theirs)
    } else {
      both.items = one.items ?? other.items
    }
    return both
  }

  private func leaf(_ path: [String], isWhole: Bool, _ isRepeated: Bool) -> PolicyTree {
    let whole: PolicyTree? = isWhole ? .boolean(true) : nil
    // What the client said itself tells it nothing.
    let proposal = isRepeated ? .always : proposals.proposal(path, isAboutPerson: isAboutPerson)
    switch proposal {
    case .category(let category):
      tally.hasCategory = true
      return .members(["category": .string(category), "whole": whole, "review": .boolean(true)])
    case .always: return .members(["release": .string("always"), "whole": whole, "review": .boolean(true)])
    case .unknown:
      tally.hasUnknown = true
      return .members(["whole": whole, "review": .boolean(true)])
    }
  }
}

extension PolicyTree {
  /// Those of an object, comments among them.
  var entries: [Entry] {
    guard case .object(let entries) = self else { return [] }
    return entries
  }
}

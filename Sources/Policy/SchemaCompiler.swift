import Bytes

/// Keeps the tables of a schema: copying a schema counts one reference, not one for each table.
final class CompiledSchema: Sendable {
  let plan: SchemaPlan
  init(_ schema: BodySchema.Node) { plan = SchemaCompiler.plan(schema) }
}

/// Writes a schema as plan. Schemas that several others name are written once, as they were read once.
struct SchemaCompiler {
  private var plan = SchemaPlan()
  private var known: [ObjectIdentifier: UInt32] = [:]

  static func plan(_ schema: BodySchema.Node) -> SchemaPlan {
    var compiler = SchemaCompiler()
    compiler.plan.root = Int(compiler.rule(schema))
    return compiler.plan
  }

  /// The place of a schema's rule.
  private mutating func rule(_ schema: BodySchema.Node) -> UInt32 {
    if let known = known[ObjectIdentifier(schema)] { return known }
    let rules = schema.rules
    var rule = SchemaPlan.Rule()
    rule.type = rules.type
    rule.kinds = Self.kinds(rules.type)
    rule.words = Self.words(rules.options)
    rule.isNullable = rules.isNullable
    rule.hasUniqueItems = rules.hasUniqueItems
    rule.least = UInt32(clamping: rules.countRange.lowerBound)
    rule.most = UInt32(clamping: rules.countRange.upperBound)
    addBranches(rules, &rule)
    addObject(rules, &rule)
    rule.describesObject = describesObject(rule)
    rule.items = rules.items.map { self.rule($0) }
    rule.text = text(rules)
    rule.number = number(rules)
    if rules.message != nil || rules.error != nil {
      rule.explanation = UInt32(plan.explanations.count)
      plan.explanations.append(SchemaPlan.Explanation(message: rules.message, error: rules.error))
    }
    let place = UInt32(plan.rules.count)
    addFoldedNames(rules, &rule)
    plan.rules.append(rule)
    known[ObjectIdentifier(schema)] = place
    return place
  }

  private static func kinds(_ type: BodySchema.ValueType?) -> UInt8 {
    switch type {
    case .object: SchemaPlan.Rule.bit(.object)
    case .array: SchemaPlan.Rule.bit(.array)
    case .string: SchemaPlan.Rule.bit(.string)
    case .boolean: SchemaPlan.Rule.bit(.true) | SchemaPlan.Rule.bit(.false)
    case .integer, .number: SchemaPlan.Rule.bit(.number)
    case nil: .max
    }
  }

  private static func words(_ options: BodySchema.Options?) -> UInt8 {
    guard let options else { return .max }
    return (options.booleans.contains(true) ? SchemaPlan.Rule.bit(.true) : 0)
      | (options.booleans.contains(false) ? SchemaPlan.Rule.bit(.false) : 0)
  }

  // MARK: Texts

  private mutating func append(_ text: some Collection<UInt8>) -> ByteRange {
    defer { plan.bytes += text }
    return ByteRange(start: plan.bytes.count, count: text.count)
  }

  private mutating func name(_ name: JSONName) -> SchemaPlan.Name {
    SchemaPlan.Name(text: append(name.bytes), fingerprint: name.fingerprint)
  }

  /// Entries that are written already, at the end of their table.
  private func part<Element>(_ table: [Element], last count: Int) -> SchemaPlan.Part {
    SchemaPlan.Part(first: UInt32(table.count - count), count: UInt32(count))
  }

  // MARK: Branches

  private mutating func addBranches(_ rules: BodySchema.Rules, _ rule: inout SchemaPlan.Rule) {
    rule.hasBranches = !rules.anyOf.isEmpty || !rules.oneOf.isEmpty || rules.cases != nil
    rule.anyOf = branches(rules.anyOf)
    rule.oneOf = branches(rules.oneOf)
    guard let cases = rules.cases else { return }
    let written = cases.nodes.map { SchemaPlan.Case(value: append($0.value), rule: self.rule($0.node)) }
    plan.cases += written
    rule.cases = UInt32(plan.discriminators.count)
    plan.discriminators.append(
      SchemaPlan.Discriminator(property: name(cases.property), cases: part(plan.cases, last: written.count)))
  }

  private mutating func branches(_ schemas: [BodySchema.Node]) -> SchemaPlan.Part {
    let written = schemas.map { rule($0) }
    plan.branches += written
    return part(plan.branches, last: written.count)
  }

  // MARK: Objects

  private mutating func addObject(_ rules: BodySchema.Rules, _ rule: inout SchemaPlan.Rule) {
    // What is below comes first, so that this object's own properties stand side by side.
    let written = rules.properties.map {
      SchemaPlan.Property(name: name($0.name), key: append($0.name.key), rule: self.rule($0.node))
    }
    plan.properties += written
    rule.properties = part(plan.properties, last: written.count)
    rule.required = names(rules.required)
    let masks = rules.required.map { Self.mask($0, rules.properties) }
    rule.requiredMask = masks.reduce(0, |)
    rule.hasMoreRequired = masks.contains(0)
    let groups = rules.anyRequired.map { group in
      let masks = group.map { Self.mask($0, rules.properties) }
      return SchemaPlan.Group(names: names(group), mask: masks.contains(0) ? 0 : masks.reduce(0, |))
    }
    plan.groups += groups
    rule.anyRequired = part(plan.groups, last: groups.count)
    switch rules.additional {
    case .leftOut: rule.additional = .leftOut
    case .refused: rule.additional = .refused
    case .handedOn: rule.additional = .handedOn
    case .each(let each): rule.additional = .each(self.rule(each))
    }
  }

  private func describesObject(_ rule: SchemaPlan.Rule) -> Bool {
    if case .each = rule.additional { return true }
    let branches = plan.branches[rule.anyOf.indices] + plan.branches[rule.oneOf.indices]
    let cases = rule.cases.map { plan.cases[plan.discriminators[Int($0)].cases.indices] } ?? []
    return !rule.properties.isEmpty || (branches + cases.map(\.rule)).contains { plan.rules[Int($0)].describesObject }
  }

  /// The bit of a property; 0 where it is none of the first 64.
  private static func mask(_ name: JSONName, _ properties: [BodySchema.Property]) -> UInt64 {
    properties.prefix(64).firstIndex { $0.name == name }.map { 1 << UInt64($0) } ?? 0
  }

  private mutating func names(_ names: [JSONName]) -> SchemaPlan.Part {
    let written = names.map { name($0) }
    plan.names += written
    return part(plan.names, last: written.count)
  }

  /// Stands beside the rule itself, at the same place of its table.
  private mutating func addFoldedNames(_ rules: BodySchema.Rules, _ rule: inout SchemaPlan.Rule) {
    let folded = Set(rules.properties.map { $0.name.text.lowercased() })
    let written = folded.map { append($0.utf8) }
    plan.foldedNames += written
    rule.folded = part(plan.foldedNames, last: written.count)
    rule.foldedLengths = written.reduce(0) { $0 | SchemaPlan.Rule.bit(length: Int($1.count)) }
    rule.hasFoldedASCII = folded.allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } }
    plan.foldedSets.append(folded)
  }

  // MARK: Values

  private mutating func text(_ rules: BodySchema.Rules) -> UInt32? {
    var text = SchemaPlan.Text(least: rules.countRange.lowerBound, most: rules.countRange.upperBound)
    if let options = rules.options {
      let written = options.texts.map { append($0) }
      plan.options += written
      text.options = part(plan.options, last: written.count)
    }
    text.pattern = rules.pattern.map { pattern($0) }
    text.formatPattern = rules.format?.pattern.map { pattern($0) }
    text.format = rules.format.flatMap { $0.isPattern ? nil : $0 }
    let demands = text.options != nil || text.pattern != nil || rules.format != nil || rules.countRange != 0...Int.max
    guard demands else { return nil }
    plan.texts.append(text)
    return UInt32(plan.texts.count - 1)
  }

  private mutating func pattern(_ pattern: Pattern) -> UInt32 {
    plan.patterns.append(pattern)
    return UInt32(plan.patterns.count - 1)
  }

  private mutating func number(_ rules: BodySchema.Rules) -> UInt32 {
    var number = SchemaPlan.Number(
      isWhole: rules.type == .integer, range: rules.numberRange, format: rules.format, step: rules.step)
    if let options = rules.options {
      plan.numericOptions += options.numbers
      number.options = part(plan.numericOptions, last: options.numbers.count)
    }
    let demands = number.isWhole || number.options != nil || number.range != nil || number.format != nil || number.step != nil
    guard demands else { return 0 }
    plan.numbers.append(number)
    return UInt32(plan.numbers.count - 1)
  }
}

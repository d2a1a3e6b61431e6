import Bytes

/// Reads schemas of a policy file; `ref` names one of its `schemas`.
struct SchemaReader {
  /// By name, as they stand in the file.
  let named: JSONValue?
  /// Unknown properties are refused at every level (request body strictness of Commonalities 0.8).
  let isStrict: Bool
  /// The errors that a schema may name.
  let errors: ErrorCodes
  /// Those of the file.
  var patterns = Patterns()
  private let known = KnownSchemas()

  private static let depthMaximum = 32
  private static let countMaximum = 1 << 20

  func schema(_ value: JSONValue) throws(DocumentError) -> BodySchema {
    BodySchema(try node(value, depth: 0, isBranch: false))
  }

  /// Of an answer, which may always hold more than is known of it.
  func answerSchema(_ value: JSONValue) throws(DocumentError) -> BodySchema {
    guard isStrict else { return try schema(value) }
    return try SchemaReader(named: named, isStrict: false, errors: errors, patterns: patterns).schema(value)
  }

  /// - Parameter isBranch: more rules for a value that others describe: what these do not list is not unknown.
  private func node(_ value: JSONValue, depth: Int, isBranch: Bool) throws(DocumentError) -> BodySchema.Node {
    guard depth < Self.depthMaximum else { throw value.error("schemas are nested too deep, or name each other in a circle") }
    var reader = try ObjectReader(value)
    if let reference = try reader.optionalString("ref") {
      try reader.finish()
      return try self.named(reference, value, depth: depth, isBranch: isBranch)
    }
    var rules = BodySchema.Rules()
    try readBranches(&reader, &rules, depth)
    rules.type = try type(&reader, value, isBranch || !rules.anyOf.isEmpty || !rules.oneOf.isEmpty)
    rules.isNullable = try reader.boolean("nullable", default: false)
    try readObject(&reader, &rules, value, depth, isBranch)
    rules.items = try reader.value("items").map { value throws(DocumentError) in
      try node(value, depth: depth + 1, isBranch: false)
    }
    rules.hasUniqueItems = try reader.boolean("uniqueItems", default: false)
    rules.countRange = try countRange(&reader, rules.type)
    try readValues(&reader, &rules, value)
    rules.message = try reader.optionalString("message")
    rules.error = try reader.value("error").map(errorKind)
    try reader.finish()
    return BodySchema.Node(rules)
  }

  /// A schema of the file, compiled once however often it is named: schemas that name each other at every level would otherwise be more
  /// than any memory holds.
  private func named(
    _ name: String, _ place: JSONValue, depth: Int, isBranch: Bool
  ) throws(DocumentError) -> BodySchema.Node {
    if let node = known.nodes[KnownSchemas.Key(name: name, isBranch: isBranch)] { return node }
    guard let target = named?[name] else {
      let nearest = NearestName.to(name, among: named?.keys.map(\.name) ?? [])
      throw place.error(
        "there is no schema \"\(name)\" in this file" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
    let node = try node(target, depth: depth + 1, isBranch: isBranch)
    known.nodes[KnownSchemas.Key(name: name, isBranch: isBranch)] = node
    return node
  }

  private func type(
    _ reader: inout ObjectReader, _ value: JSONValue, _ isOptional: Bool
  ) throws(DocumentError) -> BodySchema.ValueType? {
    guard let name = try reader.optionalString("type") else {
      guard isOptional else { throw value.error("\"type\" is missing") }
      return nil
    }
    guard let type = BodySchema.ValueType(rawValue: name) else { throw value.error("\"\(name)\" is no type") }
    return type
  }

  /// By the name of a kind, or by the code of one of the API's own.
  private func errorKind(_ value: JSONValue) throws(DocumentError) -> ErrorKind {
    guard let name = value.string, let kind = errors.kind(named: name) else {
      let nearest = NearestName.to(value.string ?? "", among: errors.names)
      throw value.error("no such error" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "; \"errors\" says which there are"))
    }
    return kind
  }

  // MARK: Branches

  private func readBranches(
    _ reader: inout ObjectReader, _ rules: inout BodySchema.Rules, _ depth: Int
  ) throws(DocumentError) {
    rules.anyOf = try branches(reader.optionalArray("anyOf"), depth)
    rules.oneOf = try branches(reader.optionalArray("oneOf"), depth)
    rules.cases = try reader.value("cases").map { value throws(DocumentError) in try cases(value, depth) }
  }

  private func branches(_ values: [JSONValue]?, _ depth: Int) throws(DocumentError) -> [BodySchema.Node] {
    var nodes: [BodySchema.Node] = []
    for value in values ?? [] { nodes.append(try node(value, depth: depth + 1, isBranch: true)) }
    return nodes
  }

  /// `{"property": name, "values": {value: schema}}`.
  private func cases(_ value: JSONValue, _ depth: Int) throws(DocumentError) -> BodySchema.Cases {
    var reader = try ObjectReader(value)
    let property = try reader.string("property")
    let values = try reader.required("values")
    try reader.finish()
    guard !values.keys.isEmpty else { throw values.error("values wants an object: value to schema") }
    var nodes: [(value: [UInt8], node: BodySchema.Node)] = []
    for member in values.keys {
      nodes.append((Array(member.name.utf8), try node(member.value, depth: depth + 1, isBranch: true)))
    }
    return BodySchema.Cases(property: JSONName(property), nodes: nodes)
  }

  // MARK: Objects

  private func readObject(
    _ reader: inout ObjectReader, _ rules: inout BodySchema.Rules, _ value: JSONValue, _ depth: Int, _ isBranch: Bool
  ) throws(DocumentError) {
    for member in reader.value("properties")?.keys ?? [] {
      let node = try node(member.value, depth: depth + 1, isBranch: false)
      rules.properties.append(BodySchema.Property(name: JSONName(member.name), node: node))
    }
    rules.required = try (reader.optionalStrings("required") ?? []).map { JSONName($0) }
    rules.anyRequired = try anyRequired(reader.optionalArray("anyRequired") ?? [])
    rules.additional = try additional(&reader, value, depth, isStrict && !isBranch)
    let known = Self.names(rules)
    // A branch may demand what the schema around it lists.
    guard !isBranch else { return }
    let isOpen =
      switch rules.additional {
      case .handedOn, .each: true
      case .leftOut, .refused: false
      }
    for name in rules.required + rules.anyRequired.flatMap({ $0 }) where !isOpen && !known.contains(name.text) {
      throw value.error("\"\(name.text)\" is required but is no property")
    }
    if let cases = rules.cases, !known.contains(cases.property.text) {
      throw value.error("\"\(cases.property.text)\" tells the cases apart but is no property")
    }
  }

  /// All properties that a schema and its branches list.
  private static func names(_ rules: BodySchema.Rules) -> Set<String> {
    let branches = rules.anyOf + rules.oneOf + (rules.cases?.nodes.map(\.node) ?? [])
    return branches.reduce(into: Set(rules.properties.map(\.name.text))) { $0.formUnion(names($1.rules)) }
  }

  private func additional(
    _ reader: inout ObjectReader, _ value: JSONValue, _ depth: Int, _ isClosed: Bool
  ) throws(DocumentError) -> BodySchema.Additional {
    let isClosed = try reader.boolean("closed", default: isClosed)
    guard let additional = reader.value("additionalProperties") else { return isClosed ? .refused : .leftOut }
    if let boolean = additional.boolean { return boolean ? .handedOn : .refused }
    return .each(try node(additional, depth: depth + 1, isBranch: false))
  }

  private func anyRequired(_ lists: [JSONValue]) throws(DocumentError) -> [[JSONName]] {
    var names: [[JSONName]] = []
    for list in lists {
      guard let elements = list.array, !elements.isEmpty, elements.allSatisfy({ $0.string != nil }) else {
        throw list.error("anyRequired wants lists of property names")
      }
      names.append(elements.compactMap(\.string).map { JSONName($0) })
    }
    return names
  }

  // MARK: Counts and values

  private func countRange(
    _ reader: inout ObjectReader, _ type: BodySchema.ValueType?
  ) throws(DocumentError) -> ClosedRange<Int> {
    let (least, most): (String, String)
    switch type {
    case .object: (least, most) = ("minProperties", "maxProperties")
    case .array: (least, most) = ("minItems", "maxItems")
    case .string: (least, most) = ("minLength", "maxLength")
    case .integer, .number, .boolean, nil: return 0...Int.max
    }
    let lower = try reader.optionalInteger(least, in: 0...Self.countMaximum) ?? 0
    let upper = try reader.optionalInteger(most, in: lower...Self.countMaximum) ?? .max
    return lower...upper
  }

  /// What a string or a number must be; also read for a text that is no JSON (`TextRule`).
  func readValues(
    _ reader: inout ObjectReader, _ rules: inout BodySchema.Rules, _ value: JSONValue
  ) throws(DocumentError) {
    rules.options = try reader.optionalArray("enum").map { values throws(DocumentError) in try options(values) }
    rules.pattern = try pattern(reader.value("pattern"))
    rules.format = try format(reader.value("format"), rules.type)
    rules.numberRange = try numberRange(&reader, value)
    if let step = reader.value("multipleOf") {
      guard step.kind == .number, let decimal = Decimal(step.raw.span), step.double ?? 0 > 0 else {
        throw step.error("multipleOf wants a number above 0, with 18 digits at most")
      }
      rules.step = decimal
    }
    let wantsNumber = rules.numberRange != nil || rules.step != nil
    guard !wantsNumber || rules.type == .integer || rules.type == .number else {
      throw value.error("minimum, maximum and multipleOf are for numbers")
    }
    guard rules.pattern == nil || rules.type == .string else { throw value.error("a pattern is for strings") }
  }

  private func options(_ values: [JSONValue]) throws(DocumentError) -> BodySchema.Options {
    var options = BodySchema.Options()
    for value in values {
      if let text = value.string {
        options.texts.append(Array(text.utf8))
      } else if let number = value.double {
        options.numbers.append(number)
      } else if let boolean = value.boolean {
        options.booleans.append(boolean)
      } else {
        throw value.error("enum wants strings, numbers or truth values")
      }
    }
    return options
  }

  private func numberRange(_ reader: inout ObjectReader, _ value: JSONValue) throws(DocumentError) -> BodySchema.NumberRange? {
    var range = BodySchema.NumberRange()
    var isThere = false
    for (key, isExcluding, isLower) in [
      ("minimum", false, true), ("maximum", false, false), ("exclusiveMinimum", true, true), ("exclusiveMaximum", true, false),
    ] {
      guard let bound = reader.value(key) else { continue }
      guard let number = bound.double else { throw bound.error("a number was expected") }
      isThere = true
      if isLower, number > range.minimum || (isExcluding && number == range.minimum) {
        (range.minimum, range.excludesMinimum) = (number, isExcluding)
      }
      if !isLower, number < range.maximum || (isExcluding && number == range.maximum) {
        (range.maximum, range.excludesMaximum) = (number, isExcluding)
      }
    }
    guard range.minimum <= range.maximum else { throw value.error("minimum is above maximum") }
    return isThere ? range : nil
  }

  private func pattern(_ value: JSONValue?) throws(DocumentError) -> Pattern? {
    guard let value else { return nil }
    guard let text = value.string else { throw value.error("\"pattern\" wants a string") }
    do throws(Pattern.Fault) { return try patterns.pattern(text) } catch { throw value.error(error.reason) }
  }

  private func format(_ value: JSONValue?, _ type: BodySchema.ValueType?) throws(DocumentError) -> BodySchema.Format? {
    guard let value else { return nil }
    guard let format = value.string.flatMap(BodySchema.Format.init(rawValue:)) else {
      throw value.error("\"format\" is one of \(BodySchema.Format.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let isOfNumbers = type == .integer || type == .number
    guard type == .string || isOfNumbers, format.isNumeric == isOfNumbers else {
      throw value.error("the format \(format.rawValue) is not for this type")
    }
    return format
  }
}

/// The schemas of a file that were compiled already.
private final class KnownSchemas {
  struct Key: Hashable {
    let name: String
    /// It is read otherwise where it only adds rules.
    let isBranch: Bool
  }

  var nodes: [Key: BodySchema.Node] = [:]
}

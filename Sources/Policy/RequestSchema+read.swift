import Bytes

/// Reads schemas of a policy file; `ref` names one of its `schemas`.
struct SchemaReader {
  /// By name, as they stand in the file.
  let named: JSONValue?
  /// Unknown properties are refused at every level (request body strictness of Commonalities 0.8).
  let isStrict: Bool

  private static let depthMaximum = 16

  func schema(_ value: JSONValue) throws(DocumentError) -> RequestSchema { RequestSchema(root: try node(value, depth: 0)) }

  private func node(_ value: JSONValue, depth: Int) throws(DocumentError) -> RequestSchema.Node {
    guard depth < Self.depthMaximum else { throw value.error("schemas are nested too deep, or name each other in a circle") }
    var reader = try ObjectReader(value)
    if let reference = try reader.optionalString("ref") {
      try reader.finish()
      guard let target = named?[reference] else { throw value.error("there is no schema \"\(reference)\" in this file") }
      return try node(target, depth: depth + 1)
    }
    let typeName = try reader.string("type")
    guard let type = RequestSchema.ValueType(rawValue: typeName) else { throw value.error("\"\(typeName)\" is no type") }
    let properties = try properties(reader.value("properties"), depth)
    let required = try reader.optionalStrings("required") ?? []
    let anyRequired = try anyRequired(reader.optionalArray("anyRequired") ?? [])
    try checkNames(required + anyRequired.flatMap { $0 }, properties, value)
    let node = RequestSchema.Node(
      type: type, isNullable: try reader.boolean("nullable", default: false), properties: properties, required: required,
      anyRequired: anyRequired, isClosed: try reader.boolean("closed", default: isStrict),
      cases: try cases(reader.value("cases"), properties, depth),
      countRange: try countRange(&reader, type), items: try items(reader.value("items"), depth),
      options: try reader.optionalStrings("enum"), pattern: try pattern(reader.value("pattern")),
      format: try format(reader.value("format")), numberRange: try numberRange(&reader, value),
      message: try reader.optionalString("message"))
    try reader.finish()
    return node
  }

  private func properties(
    _ value: JSONValue?, _ depth: Int
  ) throws(DocumentError) -> [RequestSchema.Property] {
    var properties: [RequestSchema.Property] = []
    for member in value?.keys ?? [] {
      properties.append(RequestSchema.Property(name: member.name, node: try node(member.value, depth: depth + 1)))
    }
    return properties
  }

  private func items(_ value: JSONValue?, _ depth: Int) throws(DocumentError) -> RequestSchema.Node? {
    guard let value else { return nil }
    return try node(value, depth: depth + 1)
  }

  /// `{"property": name, "values": {value: schema}}`.
  private func cases(
    _ value: JSONValue?, _ properties: [RequestSchema.Property], _ depth: Int
  ) throws(DocumentError) -> RequestSchema.Cases? {
    guard let value else { return nil }
    var reader = try ObjectReader(value)
    let property = try reader.string("property")
    let values = try reader.required("values")
    try reader.finish()
    try checkNames([property], properties, value)
    var nodes: [(value: String, node: RequestSchema.Node)] = []
    for member in values.keys { nodes.append((member.name, try node(member.value, depth: depth + 1))) }
    return RequestSchema.Cases(property: property, nodes: nodes)
  }

  private func anyRequired(_ lists: [JSONValue]) throws(DocumentError) -> [[String]] {
    var names: [[String]] = []
    for list in lists {
      guard let elements = list.array, !elements.isEmpty else { throw list.error("anyRequired wants lists of property names") }
      let set = elements.compactMap(\.string)
      // A list that lost what is no name would hold for more bodies, in the end for all.
      guard set.count == elements.count else { throw list.error("anyRequired wants lists of property names") }
      names.append(set)
    }
    return names
  }

  private func checkNames(
    _ names: [String], _ properties: [RequestSchema.Property], _ value: JSONValue
  ) throws(DocumentError) {
    for name in names where !properties.contains(where: { $0.name == name }) {
      throw value.error("\"\(name)\" is required but is no property")
    }
  }

  private func countRange(_ reader: inout ObjectReader, _ type: RequestSchema.ValueType) throws(DocumentError) -> ClosedRange<Int>
  {
    let (least, most): (String, String)
    switch type {
    case .object: (least, most) = ("minProperties", "maxProperties")
    case .array: (least, most) = ("minItems", "maxItems")
    default: (least, most) = ("minLength", "maxLength")
    }
    let lower = try reader.optionalInteger(least, in: 0...(1 << 20)) ?? 0
    let upper = try reader.optionalInteger(most, in: lower...(1 << 20)) ?? .max
    return lower...upper
  }

  private func numberRange(_ reader: inout ObjectReader, _ value: JSONValue) throws(DocumentError) -> ClosedRange<Double>? {
    let (minimum, maximum) = (reader.value("minimum"), reader.value("maximum"))
    guard minimum != nil || maximum != nil else { return nil }
    let lower = try bound(minimum) ?? -.infinity
    let upper = try bound(maximum) ?? .infinity
    guard lower <= upper else { throw value.error("minimum is above maximum") }
    return lower...upper
  }

  private func bound(_ value: JSONValue?) throws(DocumentError) -> Double? {
    guard let value else { return nil }
    guard let number = value.double else { throw value.error("a number was expected") }
    return number
  }

  private func pattern(_ value: JSONValue?) throws(DocumentError) -> Pattern? {
    guard let value else { return nil }
    guard let text = value.string else { throw value.error("\"pattern\" wants a string") }
    do throws(Pattern.Fault) { return try Pattern(text) } catch { throw value.error(error.reason) }
  }

  private func format(_ value: JSONValue?) throws(DocumentError) -> RequestSchema.Format? {
    guard let value else { return nil }
    guard let format = value.string.flatMap(RequestSchema.Format.init(rawValue:)) else {
      throw value.error("\"format\" is one of ipv4, ipv6, date-time, date, uuid, uri")
    }
    return format
  }
}

import Bytes
import Identifiers

/// What of an answer may leave, read from a policy's `response`.
struct ResponsePolicy {
  var statuses: [Int] = [200]
  var projection: Projection?
  var namesDevice = false
  var required: FieldMask = 0
  var optional: FieldMask = 0

  /// - Parameter categories: the masks of the known categories.
  init(_ value: JSONValue, categories: [CategoryID: FieldMask]) throws(DocumentError) {
    var reader = try ObjectReader(value)
    if let array = try reader.optionalArray("status") {
      statuses = []
      for element in array {
        guard let status = element.integer, (200...299).contains(status) else { throw element.error("a status from 200 to 299") }
        statuses.append(status)
      }
    }
    namesDevice = try reader.boolean("namesDevice", default: false)
    if let fields = reader.value("fields") {
      projection = Projection(try object(fields, categories, isRequired: true))
    } else if let items = reader.value("items") {
      projection = Projection(.array(of: try rule(items, categories, isRequired: true)))
    }
    try reader.finish()
  }

  private mutating func object(
    _ value: JSONValue, _ categories: [CategoryID: FieldMask], isRequired: Bool
  ) throws(DocumentError) -> Projection.Rule {
    guard value.kind == .object, !value.keys.isEmpty else { throw value.error("fields wants an object of field names") }
    var fields: [Projection.Field] = []
    for member in value.keys {
      let isThisRequired = member.value["required"]?.boolean ?? false
      let isNullable = member.value["nullable"]?.boolean ?? false
      fields.append(
        Projection.Field(
          name: member.name, rule: try rule(member.value, categories, isRequired: isRequired && isThisRequired),
          required: isThisRequired, nullable: isNullable))
    }
    return .object(fields)
  }

  /// One field: `category`, `release: "always"`, `fields` or `items`; exactly one of them.
  private mutating func rule(
    _ value: JSONValue, _ categories: [CategoryID: FieldMask], isRequired: Bool
  ) throws(DocumentError) -> Projection.Rule {
    var reader = try ObjectReader(value)
    _ = try reader.boolean("required", default: false)
    _ = try reader.boolean("nullable", default: false)
    let isWhole = try reader.boolean("whole", default: false)
    let (category, release, fields, items) =
      (reader.value("category"), reader.value("release"), reader.value("fields"), reader.value("items"))
    try reader.finish()
    guard [category, release, fields, items].compactMap({ $0 }).count == 1 else {
      throw value.error("a field wants exactly one of category, release, fields and items")
    }
    guard !isWhole || category != nil || release != nil else { throw value.error("whole goes with category or release") }
    if let category {
      let mask = try mask(category, categories, isRequired: isRequired)
      return isWhole ? .whole(whenAny: mask) : .release(whenAny: mask)
    }
    if let release {
      guard release.string == "always" else { throw release.error("release knows \"always\" alone") }
      return isWhole ? .whole(whenAny: nil) : .always
    }
    if let fields { return try object(fields, categories, isRequired: isRequired) }
    return .array(of: try rule(items!, categories, isRequired: isRequired))
  }

  private mutating func mask(
    _ value: JSONValue, _ categories: [CategoryID: FieldMask], isRequired: Bool
  ) throws(DocumentError) -> FieldMask {
    guard let name = value.string, let id = CategoryID(rawValue: name), let mask = categories[id] else {
      let nearest = NearestName.to(value.string ?? "", among: categories.keys.map(\.rawValue))
      throw value.error("no such category in categories.json" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
    if isRequired { required |= mask } else { optional |= mask }
    return mask
  }
}

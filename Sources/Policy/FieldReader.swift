import Bytes
import Identifiers

/// Reads which fields of an answer may leave.
struct FieldReader {
  let categories: [CategoryID: FieldMask]
  /// Nil where no field of the operation asks for more than categories.
  var conditions: FieldConditions?
  /// The categories without which an answer would be thinner than its schema allows, and the others.
  var required: FieldMask = 0
  var optional: FieldMask = 0
  var fieldScopes: [(scope: Scope, place: JSONValue)] = []

  init(categories: [CategoryID: FieldMask], conditions: FieldConditions?) {
    self.categories = categories
    self.conditions = conditions
  }

  /// What holds for a field because of where it stands.
  private struct Surroundings {
    /// All around it is required.
    var isRequired: Bool
    var scopes: [Scope] = []
    var isNamed = false
  }

  /// The filter of an answer's `fields` or `items`; nil for one without a body.
  mutating func projection(_ content: JSONValue) throws(DocumentError) -> Projection? {
    let (fields, items) = (content["fields"], content["items"])
    if let fields {
      guard items == nil else { throw fields.error("an answer is an object (fields) or an array (items)") }
      // Design guide, appendix A: never with a 3-legged token.
      if let device = fields["device"], device["named"]?.boolean != true {
        throw device.error("device wants \"named\": true, or is left to namesDevice")
      }
      return Projection(try object(fields, Surroundings(isRequired: true)))
    }
    if let items, UnreviewedPlace.keepsBack(field: items) { return nil }
    return try items.map { value throws(DocumentError) in
      Projection(.array(of: try rule(value, Surroundings(isRequired: true))))
    }
  }

  private mutating func object(_ value: JSONValue, _ around: Surroundings) throws(DocumentError) -> Projection.Rule {
    guard value.kind == .object, !value.keys.isEmpty else { throw value.error("fields wants an object of field names") }
    var fields: [Projection.Field] = []
    for member in value.keys {
      guard member.name != "sinkCredential" else {
        throw member.error("sinkCredential is a secret of the client's and stands in no answer")
      }
      // As if it were not listed: what is not named is dropped.
      if UnreviewedPlace.keepsBack(field: member.value) { continue }
      let isRequired = member.value["required"]?.boolean ?? false
      let isNull = try isNullWhenWithheld(member, isRequired)
      var inside = around
      inside.isRequired = around.isRequired && isRequired && !isNull
      let rule = try rule(member.value, inside, isOnlyRequired: isRequired && !isNull)
      fields.append(
        Projection.Field(
          name: member.name, rule: rule, required: isRequired, nullable: member.value["nullable"]?.boolean ?? false,
          nullWhenWithheld: isNull))
    }
    return .object(fields)
  }

  private func isNullWhenWithheld(_ member: JSONValue.Member, _ isRequired: Bool) throws(DocumentError) -> Bool {
    guard let withheld = member.value["withheld"] else { return false }
    guard withheld.string == "null" else { throw withheld.error("withheld knows \"null\" alone") }
    guard isRequired, member.value["nullable"]?.boolean == true else {
      throw withheld.error("withheld goes with required and nullable")
    }
    return true
  }

  /// One field: exactly one of `category`, `release`, `fields`, `items`, `entries` and `shapes`.
  private mutating func rule(
    _ value: JSONValue, _ around: Surroundings, isOnlyRequired: Bool = false
  ) throws(DocumentError) -> Projection.Rule {
    var reader = try ObjectReader(value)
    for name in ["required", "nullable", "review"] { _ = try reader.boolean(name, default: false) }
    _ = reader.value("withheld")
    let isWhole = try reader.boolean("whole", default: false)
    var inside = around
    inside.isNamed = try reader.boolean("named", default: false) || around.isNamed
    if let scopes = try scopes(&reader) { inside.scopes = scopes }
    let kinds = ["category", "release", "fields", "items", "entries", "shapes"]
    let given = kinds.compactMap { name in reader.value(name).map { (name: name, value: $0) } }
    try reader.finish()
    guard given.count == 1 else {
      throw value.error("a field wants exactly one of category, release, fields, items, entries and shapes")
    }
    guard !isOnlyRequired || value["scopes"] == nil && value["named"] == nil else {
      throw value.error("a required field cannot hang on a scope, or on who named the subscriber: no answer would be whole")
    }
    let (name, content) = given[0]
    guard !isWhole || name == "category" || name == "release" else {
      throw value.error("whole goes with category or release")
    }
    switch name {
    case "category": return try leaf(content, try mask(content, isRequired: inside.isRequired), inside, isWhole)
    case "release":
      guard content.string == "always" else { throw content.error("release knows \"always\" alone") }
      return try leaf(content, nil, inside, isWhole)
    case "fields": return try object(content, inside)
    case "items": return .array(of: try rule(content, inside))
    case "entries":
      inside.isRequired = false
      return .map(of: try rule(content, inside))
    default: return try shapes(content, inside)
    }
  }

  /// - Parameter mask: nil for what is released always.
  private mutating func leaf(
    _ value: JSONValue, _ mask: FieldMask?, _ around: Surroundings, _ isWhole: Bool
  ) throws(DocumentError) -> Projection.Rule {
    var bits = mask
    if conditions != nil, mask != nil || around.isNamed || !around.scopes.isEmpty {
      let condition = FieldConditions.Condition(categories: mask, scopes: around.scopes, isNamed: around.isNamed)
      bits = conditions?.bit(condition)
      guard bits != nil else {
        throw value.error("fields hang on more than \(FieldConditions.countMaximum) combinations of categories and scopes")
      }
    }
    if around.isNamed {
      guard !isWhole else { throw value.error("whole does not go with named: what the client named is a number alone") }
      return .echo(whenAny: bits ?? 0)
    }
    if isWhole { return .whole(whenAny: bits) }
    return bits.map { .release(whenAny: $0) } ?? .always
  }

  private mutating func scopes(_ reader: inout ObjectReader) throws(DocumentError) -> [Scope]? {
    guard let elements = try reader.optionalArray("scopes") else { return nil }
    var scopes: [Scope] = []
    for element in elements {
      guard let scope = element.string.flatMap(Scope.init(rawValue:)), !scope.isPurpose else {
        throw element.error("scopes of a field wants scopes, of which any one is enough")
      }
      scopes.append(scope)
      fieldScopes.append((scope, element))
    }
    return scopes
  }

  /// `{"property": name, "values": {value: {"fields": ...}}}`.
  private mutating func shapes(_ value: JSONValue, _ around: Surroundings) throws(DocumentError) -> Projection.Rule {
    var reader = try ObjectReader(value)
    let property = try reader.string("property")
    let values = try reader.required("values")
    try reader.finish()
    guard !values.keys.isEmpty else { throw values.error("values wants an object: value to fields") }
    var cases: [(value: String, rule: Projection.Rule)] = []
    for member in values.keys {
      var shape = try ObjectReader(member.value)
      let fields = try shape.required("fields")
      try shape.finish()
      guard fields[property] != nil else {
        throw fields.error("\"\(property)\" tells the shapes apart, so each of them has it among its fields")
      }
      cases.append((member.name, try object(fields, around)))
    }
    return .shapes(property: property, cases)
  }

  private mutating func mask(_ value: JSONValue, isRequired: Bool) throws(DocumentError) -> FieldMask {
    guard let name = value.string, let id = CategoryID(rawValue: name), let mask = categories[id] else {
      let nearest = NearestName.to(value.string ?? "", among: categories.keys.map(\.rawValue))
      throw value.error("no such category in categories.json" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
    if isRequired { required |= mask } else { optional |= mask }
    return mask
  }
}

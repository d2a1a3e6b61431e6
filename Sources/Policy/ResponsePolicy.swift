import Bytes
import Identifiers

/// The content of a backend's answer with one of these statuses.
public final class AnswerContent: Sendable {
  public let statuses: [Int]
  /// What of it may leave; nil for an answer without a body.
  public let projection: Projection?
  /// What it must be, where answers are checked.
  public let schema: BodySchema?

  init(statuses: [Int], projection: Projection?, schema: BodySchema?) {
    self.statuses = statuses
    self.projection = projection
    self.schema = schema
  }
}

/// What becomes of an answer that breaks its schema.
public enum AnswerValidation: String, Sendable {
  case none
  /// The operator is told.
  case report
  /// It is 502 for the client.
  case refuse
}

/// What of an answer may leave, read from a policy's `response`.
struct ResponsePolicy {
  var contents: [AnswerContent] = []
  var namesDevice = false
  var required: FieldMask = 0
  var optional: FieldMask = 0
  var conditions: FieldConditions?
  var headers: HeaderRules = .none
  var location: JSONValue?
  var validation = AnswerValidation.none
  /// The scopes that fields name, and where.
  var fieldScopes: [(scope: Scope, place: JSONValue)] = []

  /// - Parameter categories: the masks of the known categories.
  init(_ value: JSONValue, categories: [CategoryID: FieldMask], schemas: SchemaReader) throws(DocumentError) {
    var reader = try ObjectReader(value)
    namesDevice = try reader.boolean("namesDevice", default: false)
    headers = try reader.value("headers").map { value throws(DocumentError) in try HeaderRules(value, schemas.patterns) } ?? .none
    location = reader.value("location")
    if let name = try reader.optionalString("validate") {
      guard let validation = AnswerValidation(rawValue: name), validation != .none else {
        throw value["validate"]!.error("validate is \"report\" or \"refuse\"")
      }
      self.validation = validation
    }
    let (status, answers) = (try reader.optionalArray("status"), reader.value("answers"))
    let bodies = ["fields", "items", "schema"].map { (name: $0, value: reader.value($0)) }
    try reader.finish()
    var contents: [(statuses: [Int], value: JSONValue)] = []
    if let answers {
      guard status == nil, bodies.allSatisfy({ $0.value == nil }) else {
        throw answers.error("answers stands instead of status, fields, items and schema")
      }
      contents = try Self.contents(answers)
    } else {
      contents = [(try Self.statuses(status), value)]
    }
    if contents.contains(where: { Self.hasConditions(ofContent: $0.value) }) { conditions = FieldConditions() }
    for (statuses, content) in contents {
      if namesDevice, let device = content["fields"]?["device"] { throw device.error("namesDevice writes device already") }
      var rules = FieldReader(categories: categories, conditions: conditions)
      let projection = try rules.projection(content)
      let schema = try content["schema"].map { value throws(DocumentError) in try schemas.answerSchema(value) }
      if let schema { try SchemaCoverage.check(projection: content, schema, namesDevice: namesDevice, content) }
      self.contents.append(AnswerContent(statuses: statuses, projection: projection, schema: schema))
      required |= rules.required
      optional |= rules.optional
      fieldScopes += rules.fieldScopes
      conditions = rules.conditions
    }
    guard validation == .none || self.contents.contains(where: { $0.schema != nil }) else {
      throw value["validate"]!.error("validate wants a schema: there is none to check answers by")
    }
  }

  private static func statuses(_ array: [JSONValue]?) throws(DocumentError) -> [Int] {
    guard let array else { return [200] }
    var statuses: [Int] = []
    for element in array {
      guard let status = element.integer, (200...299).contains(status) else { throw element.error("a status from 200 to 299") }
      statuses.append(status)
    }
    return statuses
  }

  private static func contents(_ answers: JSONValue) throws(DocumentError) -> [(statuses: [Int], value: JSONValue)] {
    var contents: [(statuses: [Int], value: JSONValue)] = []
    for member in answers.keys {
      guard let status = Int(member.name), (200...299).contains(status) else { throw member.error("a status from 200 to 299") }
      var reader = try ObjectReader(member.value)
      for name in ["fields", "items", "schema"] { _ = reader.value(name) }
      try reader.finish()
      contents.append(([status], member.value))
    }
    guard !contents.isEmpty else { throw answers.error("answers wants an object: status to content") }
    return contents
  }

  // MARK: Conditions

  private static func hasConditions(ofContent content: JSONValue) -> Bool {
    (content["fields"]?.keys ?? []).contains { hasConditions($0.value) } || (content["items"].map { hasConditions($0) } ?? false)
  }

  /// True when the rule of a field, or of one below it, asks for more than categories.
  private static func hasConditions(_ rule: JSONValue) -> Bool {
    if rule["scopes"] != nil || rule["named"] != nil { return true }
    if let items = rule["items"] ?? rule["entries"], hasConditions(items) { return true }
    let below = (rule["fields"]?.keys ?? []) + (rule["shapes"]?["values"]?.keys ?? [])
    return below.contains { hasConditions($0.value) }
  }
}

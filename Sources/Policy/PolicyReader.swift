import Bytes
import Identifiers

/// Reads one policy file: an API in one version.
struct PolicyReader {
  let categories: [CategoryID: FieldMask]
  /// The dense index of the first operation.
  let firstIndex: Int

  func policy(_ root: JSONValue) throws(DocumentError) -> APIPolicy {
    var reader = try ObjectReader(root)
    guard let name = APIName(rawValue: try reader.string("api")) else { throw root.error("\"api\" is malformed") }
    let version = try reader.string("version")
    guard PolicySyntax.isVersion(version) else {
      throw root["version"]!.error("version wants visible ASCII characters, \(PolicySyntax.versionBytesMaximum) at most")
    }
    let basePath = try Self.basePath(reader.required("basePath"))
    let title = try LocalizedText(reader.required("title"))
    let documentation = try reader.value("documentation").map(Self.documentation)
    let isStrict = try reader.boolean("strictBodies", default: false)
    let errors = try ErrorCodes(reader.value("errors"))
    let schemas = SchemaReader(named: reader.value("schemas"), isStrict: isStrict, errors: errors)
    let declared = try reader.value("scopes").map(Self.scopes)?.flatMap { $0 }
    let list = try reader.required("operations")
    try reader.finish()
    guard list.kind == .object, !list.keys.isEmpty else {
      throw list.error("operations wants an object: operationId to operation")
    }
    let frame = Frame(
      api: name, version: version, basePath: basePath, errors: errors, schemas: schemas, scopes: declared, operations: list)
    var operations: [OperationPolicy] = []
    for member in list.keys {
      // Every operation is read, so that faults show; those that wait for a review are not kept.
      if let operation = try operation(member, frame, index: firstIndex + operations.count) { operations.append(operation) }
    }
    return APIPolicy(
      name: name, version: version, basePath: basePath, title: title, documentation: documentation,
      operations: operations, errors: errors,
      unreviewed: UnreviewedPlace.all(root))
  }

  /// What the operations of a file share.
  private struct Frame {
    let api: APIName
    let version: String
    let basePath: String
    let errors: ErrorCodes
    let schemas: SchemaReader
    /// The API's scopes; nil where the file does not say.
    let scopes: [Scope]?
    let operations: JSONValue
  }

  /// - Returns: nil for an operation that waits for a review.
  private func operation(_ member: JSONValue.Member, _ frame: Frame, index: Int) throws(DocumentError) -> OperationPolicy? {
    guard let id = OperationID(rawValue: member.name) else { throw member.error("an operationId is malformed") }
    var reader = try ObjectReader(member.value)
    _ = try reader.boolean("review", default: false)
    let (bodyRequired, schema) = try Self.request(reader.optionalObject("request"), frame.schemas)
    let subject = try SubjectPolicy(reader.value("subject"))
    let template = frame.basePath + (try Self.path(reader.required("path")))
    let parameters = try PathParameter.read(template, rules: reader.value("parameters"), frame.schemas.patterns)
    let headers = try Self.headers(reader.value("headers"), subject, frame.schemas.patterns)
    let response = try ResponsePolicy(reader.required("response"), categories: categories, schemas: frame.schemas)
    let scopes = try Self.scopes(reader.required("scopes"))
    try Self.check(scopes.flatMap { $0 }, in: frame.scopes, member.value["scopes"] ?? member.value)
    try Self.checkFieldScopes(response, among: scopes)
    let query = try Self.query(reader.value("query"), subject.parameter, frame.schemas.patterns)
    let eventScopes = try reader.value("eventScopes").map { value throws(DocumentError) in
      try EventScopes(value, among: scopes)
    }
    let parts = OperationPolicy.Parts(
      api: frame.api, version: frame.version, id: id, index: index, title: try LocalizedText(reader.required("title")),
      method: try Self.method(reader.required("method")), pathTemplate: template,
      scopeAlternatives: scopes, legs: try Self.legs(reader.value("legs")),
      personalData: try reader.boolean("personalData", default: subject.rule != .none && !subject.isOptional),
      eventScopes: eventScopes,
      subscription: try reader.value("events").map { value throws(DocumentError) in
        try SubscriptionPolicy(value, scopes: eventScopes, operations: frame.operations, categories: categories)
      },
      authenticatedBy: try Self.methods(reader.optionalStrings("authenticatedBy"), member), subject: subject,
      parameters: parameters, headers: headers,
      resources: try ResourceUse.read(reader.value("resource"), api: frame.api, parameters: parameters, headers: headers),
      location: try Self.location(response.location, parameters, basePath: frame.basePath, frame.operations),
      query: query,
      bodyRequired: bodyRequired, requestSchema: schema, response: response,
      bodyBytesMaximum: try reader.optionalInteger("bodyBytesMaximum", in: 1...(64 << 20)),
      limits: try Self.limits(reader.optionalObject("limits")), price: try Self.price(reader.value("price")),
      timeoutMilliseconds: try reader.optionalInteger("timeoutMilliseconds", in: 1...600_000) ?? 10_000,
      isRepeatable: try reader.boolean("repeatable", default: false),
      isServedHere: try Self.isServedHere(reader.value("servedBy")),
      errors: try ErrorCodes(reader.value("errors"), over: frame.errors),
      example: try reader.value("example").map { value throws(DocumentError) in
        try OperationExample(
          value, path: parameters, query: query, headers: headers, body: schema, isBodyRequired: bodyRequired)
      })
    try reader.finish()
    // What it is about is not settled, so its parts need not go together yet.
    if UnreviewedPlace.keepsBack(operation: member.value) { return nil }
    try Self.check(parts, member)
    return OperationPolicy(parts)
  }

  private static func basePath(_ value: JSONValue) throws(DocumentError) -> String {
    guard let path = value.string, path.hasPrefix("/"), !path.hasSuffix("/"), !path.contains("{"), isPlainPath(path) else {
      throw value.error("basePath wants a path such as /device-identifier/v0.3, without a slash at its end")
    }
    return path
  }

  private static func documentation(_ value: JSONValue) throws(DocumentError) -> String {
    guard let text = value.string, text.hasPrefix("https://"), (9...2048).contains(text.utf8.count),
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x3C && $0 != 0x3E })
    else { throw value.error("documentation wants an https URL") }
    return text
  }

  private static func path(_ value: JSONValue) throws(DocumentError) -> String {
    guard let path = value.string, path.hasPrefix("/"), isPlainPath(path) else {
      throw value.error("path wants a path such as /retrieve or /sessions/{sessionId}")
    }
    return path
  }

  /// Segments of unreserved characters, or a parameter in braces; no empty one, no dots alone.
  private static func isPlainPath(_ path: String) -> Bool {
    path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
      let name = segment.hasPrefix("{") && segment.hasSuffix("}") ? segment.dropFirst().dropLast() : segment
      return !name.isEmpty && name != "." && name != ".."
        && name.utf8.allSatisfy {
          ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A) || "-._~".utf8.contains($0)
        }
    }
  }

  private static func method(_ value: JSONValue) throws(DocumentError) -> String {
    guard let method = value.string, ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(method) else {
      throw value.error("method is one of GET, POST, PUT, PATCH, DELETE")
    }
    return method
  }

  /// `["a", "b c"]`: a, or b and c together.
  private static func scopes(_ value: JSONValue) throws(DocumentError) -> [[Scope]] {
    guard let array = value.array, !array.isEmpty else {
      throw value.error("scopes wants a list; any one of its entries is enough")
    }
    var alternatives: [[Scope]] = []
    for element in array {
      guard let set = element.string.flatMap({ ScopeSet(parsing: $0) }), !set.isEmpty, set.purposes.isEmpty else {
        throw element.error("scopes wants scopes, separated by single spaces where all are needed")
      }
      alternatives.append(set.elements)
    }
    return alternatives
  }

  private static func legs(_ value: JSONValue?) throws(DocumentError) -> Set<Int> {
    guard let value else { return [2, 3] }
    let legs = (value.array ?? []).compactMap(\.integer)
    guard !legs.isEmpty, legs.count == value.array?.count, legs.allSatisfy({ $0 == 2 || $0 == 3 }) else {
      throw value.error("legs wants [2], [3] or [2, 3]")
    }
    return Set(legs)
  }

  private static func request(
    _ reader: ObjectReader?, _ schemas: SchemaReader
  ) throws(DocumentError) -> (required: Bool, schema: BodySchema?) {
    guard var reader else { return (false, nil) }
    let required = try reader.boolean("required", default: true)
    let schema = try reader.value("schema").map { value throws(DocumentError) in try schemas.schema(value) }
    try reader.finish()
    return (required, schema)
  }

  /// `"servedBy": "passerelle"`; absent, a backend serves it.
  private static func isServedHere(_ value: JSONValue?) throws(DocumentError) -> Bool {
    guard let value else { return false }
    guard value.string == "passerelle" else {
      throw value.error("servedBy knows \"passerelle\" alone; without it a backend serves")
    }
    return true
  }

  private static func limits(_ reader: ObjectReader?) throws(DocumentError) -> RateLimit? {
    guard var reader else { return nil }
    let rate = try reader.integer("requestsPerMinute", in: 1...1_000_000_000)
    let burst = try reader.optionalInteger("burst", in: 1...1_000_000_000) ?? rate
    // A bucket that takes longer than a day to fill is no rate, and its time would not fit its word.
    guard burst <= rate * 1440 else { throw reader.value("burst")!.error("burst is more than a day of requestsPerMinute") }
    try reader.finish()
    return RateLimit(requestsPerMinute: rate, burst: burst)
  }

  /// `{"amount": "0.02", "currency": "EUR"}`: a decimal in a string, so that no binary fraction comes near money.
  private static func price(_ value: JSONValue?) throws(DocumentError) -> Price? {
    guard let value else { return nil }
    var reader = try ObjectReader(value)
    let (amount, currency) = (try reader.string("amount"), try reader.string("currency"))
    try reader.finish()
    guard let micros = DecimalMicros.parse(amount) else {
      throw value.error("amount wants a decimal such as \"0.02\", with six digits behind the point at most")
    }
    guard Currency(rawValue: currency) != nil else { throw value.error("currency wants three capital letters (ISO 4217)") }
    return Price(amountMicros: micros, currency: currency)
  }
}

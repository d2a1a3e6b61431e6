import Bytes

/// A request as an application could send it, for documentation. Checked when the policy is read: what people copy is what the gateway
/// takes.
public struct OperationExample: Sendable {
  /// Of the path's parameters, by name.
  public var parameters: [String: String] = [:]
  /// In the policy's order.
  public var query: [(name: String, value: String)] = []
  /// Fields of the head beside the usual ones.
  public var headers: [(name: String, value: String)] = []
  /// JSON; nil for a request without a body.
  public var body: [UInt8]?

  /// Reads `{"path": {...}, "query": {...}, "headers": {...}, "body": ...}`.
  ///
  /// - Throws: `DocumentError` at the place that the operation would refuse.
  init(
    _ value: JSONValue, path: [PathParameter], query schema: QuerySchema, headers rules: HeaderRules,
    body bodySchema: BodySchema?,
    isBodyRequired: Bool
  ) throws(DocumentError) {
    var reader = try ObjectReader(value)
    let (pathValue, queryValue) = (reader.value("path"), reader.value("query"))
    let (headersValue, bodyValue) = (reader.value("headers"), reader.value("body"))
    try reader.finish()
    parameters = try Self.parameters(pathValue, of: path)
    query = try Self.texts(queryValue)
    if let violation = schema.violation(query) {
      throw (queryValue ?? value).error("the example is refused: \(violation.message)")
    }
    headers = try Self.texts(headersValue)
    if let violation = rules.violation(headers) {
      throw (headersValue ?? value).error("the example is refused: \(violation.message)")
    }
    guard let bodyValue else {
      guard !isBodyRequired else { throw value.error("the operation wants a body, and its example has none") }
      return
    }
    guard let bodySchema else { throw bodyValue.error("the operation takes no body") }
    body = try Self.body(bodyValue, bodySchema)
  }

  private static func parameters(_ value: JSONValue?, of path: [PathParameter]) throws(DocumentError) -> [String: String] {
    for member in value?.keys ?? [] where !path.contains(where: { $0.name == member.name }) {
      throw member.error("the path has no parameter of this name")
    }
    let given = try texts(value)
    for parameter in path {
      guard let text = given.first(where: { $0.name == parameter.name })?.value, let fault = parameter.fault(text) else {
        continue
      }
      throw (value?[parameter.name] ?? value!).error("the example is refused: \(fault)")
    }
    return Dictionary(given.map { ($0.name, $0.value) }) { first, _ in first }
  }

  private static func texts(_ value: JSONValue?) throws(DocumentError) -> [(name: String, value: String)] {
    guard let value else { return [] }
    guard value.kind == .object else { throw value.error("an object was expected: name to text") }
    var texts: [(name: String, value: String)] = []
    for member in value.keys {
      guard let text = member.value.string, !text.isEmpty else { throw member.value.error("a parameter's example is a text") }
      texts.append((member.name, text))
    }
    return texts
  }

  private static func body(_ value: JSONValue, _ schema: BodySchema) throws(DocumentError) -> [UInt8] {
    let bytes = value.strictJSON()
    var tape = JSONTape()
    guard (try? tape.parse(bytes.span)) != nil else { throw value.error("the example cannot be read") }
    if let violation = schema.check(bytes.span, tape: tape) { throw value.error("the example is refused: \(violation.message)") }
    return bytes
  }
}

import Bytes
import Identifiers

/// What must hold between the parts of an operation: whatever could not work, or would let through what nobody asked about, is
/// refused when it is read.
extension PolicyReader {
  static func check(_ parts: OperationPolicy.Parts, _ member: JSONValue.Member) throws(DocumentError) {
    try checkBody(parts, member)
    // An act may be about a person although its answer tells nothing; that is said, or it is a category that was forgotten.
    if parts.personalData, parts.response.required | parts.response.optional | (parts.subscription?.categories ?? 0) == 0,
      member.value["personalData"] == nil
    {
      throw member.error(
        "\(member.name) is about a person, but no field of its answer has a category; say \"personalData\": true where it is an act that wants consent all the same, and false where it wants none"
      )
    }
    guard !parts.subject.isOptional || !parts.personalData else {
      throw member.error("a call that may be about nobody cannot be about a person's data: personalData is false there")
    }
    if parts.subject.rule == .compared, parts.legs != [3] {
      throw member.error("the rule compared wants \"legs\": [3]: without a subscriber there is nothing to compare with")
    }
    let namesResource = parts.resources.contains(where: \.isNamedByRequest)
    guard parts.subject.rule != .token || parts.legs == [3] || namesResource || parts.subject.isOptional else {
      throw member.error("the rule token wants \"legs\": [3], a resource that the request names, or \"optional\": true")
    }
    guard parts.authenticatedBy.isEmpty || parts.legs == [3] else {
      throw member.error("authenticatedBy wants \"legs\": [3]: who has no subscriber has recognised nobody")
    }
    let speaksOfResources = parts.resources.contains { !$0.isNamedByRequest }
    guard !speaksOfResources || parts.response.contents.contains(where: { $0.projection != nil }) else {
      throw member.error("creates, shows and lists want an answer with fields or items, in which the id stands")
    }
    guard parts.subscription == nil || parts.resources.contains(where: \.isCreated) else {
      throw member.error("events wants a resource that the answer creates")
    }
    guard parts.response.location == nil || parts.resources.contains(where: \.isCreated) else {
      throw member.error("location wants a resource that the answer creates")
    }
  }

  /// What is read of a body must be described, so that it is checked before.
  private static func checkBody(_ parts: OperationPolicy.Parts, _ member: JSONValue.Member) throws(DocumentError) {
    guard parts.requestSchema == nil else { return }
    guard !parts.subject.standsInBody else {
      throw member.error("\(member.name) has a subject, so its request wants a schema: what no schema names is not forwarded")
    }
    guard parts.subscription == nil else { throw member.error("events wants a request with a schema: its sink stands there") }
    guard parts.eventScopes == nil else { throw member.error("eventScopes wants a request with a schema") }
    let namesInBody = parts.resources.contains { if case .body = $0.place { true } else { false } }
    guard !namesInBody else { throw member.error("a resource that the body names wants a request with a schema") }
  }

  /// Scopes that the API does not have, and fields whose scope opens nothing.
  static func check(_ scopes: [Scope], in declared: [Scope]?, _ place: JSONValue) throws(DocumentError) {
    guard let declared else { return }
    for scope in scopes where !declared.contains(scope) {
      let nearest = NearestName.to(scope.rawValue, among: declared.map(\.rawValue))
      throw place.error(
        "\"scopes\" of this file does not have \"\(scope.rawValue)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
  }

  static func checkFieldScopes(
    _ response: ResponsePolicy, among alternatives: [[Scope]]
  ) throws(DocumentError) {
    let known = alternatives.flatMap { $0 }
    for (scope, place) in response.fieldScopes where !known.contains(scope) {
      let nearest = NearestName.to(scope.rawValue, among: known.map(\.rawValue))
      throw place.error(
        "the operation does not name this scope" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
          + ": no token with it alone could call it")
    }
  }

  /// - Throws: also for the field in which the backend gets the subscriber's number: a client must not write it (A28).
  static func headers(_ value: JSONValue?, _ subject: SubjectPolicy, _ patterns: Patterns) throws(DocumentError) -> HeaderRules {
    guard let value else { return .none }
    let headers = try HeaderRules(value, patterns)
    guard let field = subject.field, let index = headers.index(of: String(decoding: field.dropLast(2), as: UTF8.self)) else {
      return headers
    }
    throw value.keys[index].error("the backend gets the subscriber's number in this field: a client must not write it")
  }

  /// - Parameter subject: the name of the parameter that names the subscriber.
  static func query(_ value: JSONValue?, _ subject: JSONValue?, _ patterns: Patterns) throws(DocumentError) -> QuerySchema {
    let query = try value.map { value throws(DocumentError) in try QuerySchema(value, patterns) } ?? .none
    guard let subject else { return query }
    let name = subject.string ?? ""
    guard let naming = query.naming(name) else {
      let nearest = NearestName.to(name, among: query.names)
      throw subject.error(
        "the operation has no query parameter of this name that is there once at most"
          + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
    return naming
  }

  /// `location` names the operation that reads what was created.
  static func location(
    _ value: JSONValue?, _ parameters: [PathParameter], basePath: String, _ operations: JSONValue
  ) throws(DocumentError) -> LocationTemplate? {
    guard let value else { return nil }
    guard let path = operations[value.string ?? ""]?["path"]?.string else {
      let nearest = NearestName.to(value.string ?? "", among: operations.keys.map(\.name))
      throw value.error("there is no such operation in this file" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
    guard let template = LocationTemplate(target: basePath + path, given: parameters) else {
      throw value.error("the path of that operation wants one parameter that this one does not have: the id")
    }
    return template
  }

  /// Values of `amr` (RFC 8176): words.
  static func methods(_ names: [String]?, _ member: JSONValue.Member) throws(DocumentError) -> [String] {
    guard let names else { return [] }
    guard !names.isEmpty, names.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 32 && !$0.contains(" ") }) else {
      throw member.error("authenticatedBy wants a list of values of amr, such as [\"nba\"]")
    }
    return names
  }
}

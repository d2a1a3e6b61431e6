import Bytes
import Policy

/// Drafts the policy of one document. The same document gives the same draft.
struct PolicyDraft {
  let document: DocumentFacts
  let proposals: FieldProposals
  let notes: DraftNotes

  /// The name of the API: as its scopes begin, else as its base path does.
  var api: String {
    let scopes = document.operations.flatMap { Array($0.scopes.joined()) }
    let prefixes = Set(scopes.map { (scope: String) in String(scope.prefix { $0 != ":" }) })
    if prefixes.count == 1, let only = prefixes.first, only.utf8.count <= 64 { return only }
    let segments = document.basePath.split(separator: "/").map(String.init)
    return segments.last { !Self.isVersion($0) }.map { String($0.prefix(64)) } ?? document.title.slug
  }

  /// The file that the policy is proposed to stand in: the API and the version of its path.
  var fileName: String {
    let version = document.basePath.split(separator: "/").last.map(String.init) ?? ""
    return api.slug + (Self.isVersion(version) ? "-" + version.dropFirst().prefix(32) : "") + ".json"
  }

  private static func isVersion(_ segment: String) -> Bool {
    segment == "vwip" || segment.hasPrefix("v") && segment.dropFirst().first?.isNumber == true
  }

  func tree() -> PolicyTree {
    let resources = ResourceProposals(document.operations)
    let legs = LegsProposal.legs(document.description)
    let schemas = SchemaText(notes, codes: Set(document.operations.flatMap(\.errors).map(\.code)))
    let operations = document.operations.map { operation in
      PolicyTree.Entry(operation.id, draft(operation, resources, legs, schemas))
    }
    let naming = document.operations.filter { $0.body.flatMap(SubjectProposal.place) != nil }
    return .members([
      "api": .string(api), "version": .string(document.version), "basePath": .string(document.basePath),
      "title": Self.text(document.title), "strictBodies": document.isStrict ? .boolean(true) : nil,
      "errors": ErrorsDraft(operations: document.operations, naming: naming).tree(),
      "schemas": schemas.named.isEmpty ? nil : .object(schemas.named), "operations": .object(operations),
    ])
  }

  private func draft(
    _ operation: OperationFacts, _ resources: ResourceProposals, _ legs: Set<Int>, _ schemas: SchemaText
  ) -> PolicyTree {
    let named = resources.named(operation), listed = resources.listed(operation)
    let subject = SubjectProposal(
      operation, legs: legs, namesResource: named.contains { $0.isAboutSubscriber },
      listsResources: listed?.kind.isAboutSubscriber ?? false)
    let (scopes, eventScopes) = scopes(operation)
    let answer = AnswerDraft(
      proposals: proposals, notes: notes, isAboutPerson: subject != .none, repeatsSubject: subject.at != nil,
      fieldScopes: fieldScopes(operation, scopes))
    let response = answer.tree(operation.answers)
    let isPersonal = subject == .none || answer.tally.hasCategory || answer.tally.hasUnknown
    return .members([
      "review": .boolean(true), "method": .string(operation.method), "path": .string(operation.path),
      "title": Self.text(operation.summary.isEmpty ? operation.id : operation.summary),
      "scopes": .list(scopes.map { $0.joined(separator: " ") }), "eventScopes": eventScopes,
      "legs": legs == [2, 3] ? nil : .list(legs.sorted().map { PolicyTree.number(String($0)) }),
      "authenticatedBy": ErrorsDraft.wantsNetworkAuthentication(operation) ? .list(ErrorsDraft.authenticationMethods) : nil,
      "personalData": isPersonal ? nil : .boolean(false), "subject": subject.tree,
      "parameters": parameters(operation, "path"), "query": parameters(operation, "query", naming: subject.query),
      "headers": parameters(operation, "header"), "request": request(operation, schemas), "resource": resources.tree(operation),
      "response": response, "repeatable": Self.reads(operation) ? .boolean(true) : nil,
    ])
  }

  private func request(_ operation: OperationFacts, _ schemas: SchemaText) -> PolicyTree? {
    guard let body = operation.body else { return nil }
    return .members(["required": operation.isBodyRequired ? nil : .boolean(false), "schema": schemas.schema(body)])
  }

  /// A text that the consent page can hold; the other languages are for a person to write.
  private static func text(_ text: String) -> PolicyTree {
    var line = text.split(whereSeparator: \.isNewline).first.map(String.init)?.trimmed ?? text
    while line.hasSuffix(".") { line.removeLast() }
    return .members(["en": .string(line.isEmpty ? "API" : String(line.prefix(120)))])
  }

  /// A call that may be sent twice: by its method, or by the verb that its path ends with.
  private static func reads(_ operation: OperationFacts) -> Bool {
    let verbs = ["retrieve", "read", "check", "verify", "match", "fill-in", "count"]
    return operation.method == "GET"
      || operation.method == "POST" && verbs.contains { operation.lastSegment == $0 || operation.lastSegment.hasPrefix($0 + "-") }
  }

  // MARK: Scopes

  /// Those of the document; a subscription's scopes, which it lists in one entry, open the operation each (event guide, 4.1).
  private func scopes(_ operation: OperationFacts) -> (alternatives: [[String]], events: PolicyTree?) {
    guard !operation.scopes.isEmpty else {
      let made = api + ":" + operation.id.slug
      notes.add(operation.node, "names no scope: \(made) is proposed")
      return ([[made]], nil)
    }
    let all = operation.scopes.flatMap { $0 }
    let events = Set(all.compactMap(Self.eventScope))
    guard events.count == 1, let shape = events.first, all.allSatisfy({ Self.eventScope($0) != nil }),
      operation.body?.property("types")?.type == "array"
    else { return (operation.scopes, nil) }
    return (all.map { [$0] }, .members(["at": .string("types"), "scope": .string(shape)]))
  }

  /// `api:org.camaraproject.api.v0.event:create` as `api:{type}:create`.
  private static func eventScope(_ scope: String) -> String? {
    let parts = scope.split(separator: ":").map(String.init)
    guard parts.count == 3, parts[1].split(separator: ".").count > 2 else { return nil }
    return "\(parts[0]):{type}:\(parts[2])"
  }

  /// Scopes that are called as fields of the answer, and beside them those that open all fields.
  private func fieldScopes(_ operation: OperationFacts, _ scopes: [[String]]) -> [String: [String]] {
    let names: Set<String> = Set(operation.answers.compactMap(\.body).flatMap(\.properties).map(\.name))
    let single = scopes.filter { $0.count == 1 }.map { $0[0] }
    let last = { (scope: String) in scope.split(separator: ":").last.map(String.init) ?? "" }
    guard single.count(where: { names.contains(last($0)) }) > 1 else { return [:] }
    let general = single.filter { !names.contains(last($0)) }
    return Dictionary(uniqueKeysWithValues: names.map { name in (name, general + single.filter { last($0) == name }) })
  }

  // MARK: Parameters

  /// - Parameter naming: the parameter that names the subscriber.
  private func parameters(_ operation: OperationFacts, _ place: String, naming: String? = nil) -> PolicyTree? {
    var entries: [PolicyTree.Entry] = []
    for parameter in operation.parameters where parameter.place == place {
      if place == "header", !PolicySyntax.isPassable(header: parameter.name) { continue }
      if parameter.name != naming, let reason = leftOut(parameter, operation, entries.count) {
        notes.add(parameter.schema.node, "\(SourceLibrary.plain(parameter.name)) is left out: \(reason)")
        continue
      }
      var rule = TextRule.tree(parameter.schema, isRequired: parameter.isRequired && place != "path", notes)
      if place == "query", parameter.schema.type == "array" { rule["repeated"] = .boolean(true) }
      if place == "path", rule.members.isEmpty { continue }
      entries.append(PolicyTree.Entry(parameter.name, rule))
    }
    return entries.isEmpty ? nil : .object(entries)
  }

  /// Why a policy cannot have a parameter; nil for one that it can.
  private func leftOut(_ parameter: OperationFacts.Parameter, _ operation: OperationFacts, _ count: Int) -> String? {
    if parameter.place == "path" {
      return operation.path.contains("{\(parameter.name)}") ? nil : "the path does not have it"
    }
    if SubjectProposal.place(in: parameter) { return "it names a subscriber outside the body" }
    if parameter.place == "query", !PolicySyntax.isPassable(query: parameter.name) { return "a policy cannot write such a name" }
    let maximum = parameter.place == "query" ? PolicySyntax.queryCountMaximum : PolicySyntax.headerCountMaximum
    return count < maximum ? nil : "a policy can have \(maximum) of them"
  }
}

extension SubjectProposal {
  /// Whether a parameter names a subscriber: a backend must not be asked about one who was never asked for consent (A22).
  static func place(in parameter: OperationFacts.Parameter) -> Bool {
    let name = parameter.name.lowercased().filter { $0.isLetter }
    return ["phonenumber", "msisdn", "device", "imsi", "networkaccessidentifier"].contains(name) || isDevice(parameter.schema)
  }
}

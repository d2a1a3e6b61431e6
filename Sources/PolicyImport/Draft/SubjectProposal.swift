/// Who a call is about, as the document's schemas, errors and words suggest (Commonalities, design guide, appendix A).
struct SubjectProposal: Equatable {
  var rule: String
  /// Names from the root of the body to the subject; nil when it is not in the body.
  var at: [String]?
  /// `device` or `phoneNumber`.
  var kind = "phoneNumber"
  /// The query parameter that names the subscriber; nil when none does.
  var query: String?
  var mustMatchToken = false
  var isOptional = false
  var header: String?

  static let none = SubjectProposal(rule: "none")

  var tree: PolicyTree? {
    guard rule != "none" else { return nil }
    let isInBody = at != nil
    return .members([
      "rule": .string(rule), "at": isInBody && !at!.isEmpty ? .string(at!.joined(separator: ".")) : nil,
      "kind": isInBody ? .string(kind) : nil, "query": query.map { .string($0) },
      "mustMatchToken": mustMatchToken ? .boolean(true) : nil,
      "optional": isOptional ? .boolean(true) : nil, "header": header.map { .string($0) },
    ])
  }
}

extension SubjectProposal {
  /// The field in which the backend of a comparison gets the number of the token's subscriber.
  static let numberHeader = "x-phone-number"

  /// - Parameters:
  ///   - legs: of tokens that the document admits.
  ///   - namesResource: the call reads or ends something that another call made about a subscriber.
  init(_ operation: OperationFacts, legs: Set<Int>, namesResource: Bool, listsResources: Bool) {
    guard let body = operation.body, let place = Self.place(in: body) else {
      if legs != [3], let parameter = operation.parameters.first(where: Self.isNumber) {
        self.init(rule: parameter.isRequired ? "alwaysInBody" : "tokenOrBody", query: parameter.name)
        return
      }
      self =
        namesResource || listsResources || legs == [3]
        ? SubjectProposal(rule: "token", isOptional: listsResources && legs != [3]) : .none
      return
    }
    self.init(rule: "tokenOrBody", at: place.path, kind: place.kind)
    if legs == [3] {
      // What the body says is compared, not looked for.
      self = SubjectProposal(rule: "compared", header: Self.numberHeader)
    } else if place.isRequired {
      rule = "alwaysInBody"
      mustMatchToken = place.path.isEmpty
    } else if operation.documents("INVALID_TOKEN_CONTEXT"), !operation.documents("UNNECESSARY_IDENTIFIER") {
      rule = "mayConfirm"
    } else {
      // A filter, not the subject of the call: without it the answer is about nobody.
      isOptional = operation.documents("UNNECESSARY_IDENTIFIER") && !operation.documents("MISSING_IDENTIFIER")
    }
  }

  private static let deviceNames: Set<String> = ["phoneNumber", "networkAccessIdentifier", "ipv4Address", "ipv6Address"]
  private static let depthMaximum = 4

  /// A number in the query; whatever else names a subscriber outside the body cannot be looked for.
  private static func isNumber(_ parameter: OperationFacts.Parameter) -> Bool {
    parameter.place == "query" && parameter.schema.type == "string" && parameter.name.lowercased().contains("phonenumber")
      && place(in: parameter)
  }

  /// The nearest device or phone number in a body; a device before a number.
  static func place(in body: FlatSchema) -> (path: [String], kind: String, isRequired: Bool)? {
    if isDevice(body) { return ([], "device", true) }
    var level: [(path: [String], schema: FlatSchema, isRequired: Bool)] = [([], body, true)]
    for _ in 0..<depthMaximum {
      for (path, schema, isRequired) in level {
        if let device = schema.properties.first(where: { isDevice($0.schema) }) {
          return (path + [device.name], "device", isRequired && schema.required.contains(device.name))
        }
        if schema.property("phoneNumber")?.type == "string" {
          return (path + ["phoneNumber"], "phoneNumber", isRequired && schema.required.contains("phoneNumber"))
        }
      }
      level = level.flatMap { path, schema, isRequired in
        schema.properties.filter { $0.schema.type == "object" && isPlain($0.name) }.map {
          (path + [$0.name], $0.schema, isRequired && schema.required.contains($0.name))
        }
      }
    }
    return nil
  }

  /// CAMARA's Device: two of its identifiers at least.
  static func isDevice(_ schema: FlatSchema) -> Bool {
    schema.type == "object" && schema.properties.count { deviceNames.contains($0.name) } >= 2
      && schema.property("phoneNumber") != nil
  }

  /// A name that a policy's `at` can hold.
  private static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
  }
}

/// Which tokens an API admits, by its words.
enum LegsProposal {
  /// - Parameter description: of the document.
  static func legs(_ description: String) -> Set<Int> {
    // A paragraph that CAMARA makes mandatory in every document names 3-legged tokens and says nothing of this API.
    let paragraphs = description.lowercased().replacing("\n\n", with: "\u{0}").replacing("\n", with: " ").split(
      separator: "\u{0}"
    ).filter {
      !$0.contains("in cases where personal data is processed by the api")
    }
    let lines = paragraphs.map {
      String($0).replacing("two-legged", with: "2-legged").replacing("three-legged", with: "3-legged")
    }
    let names = { (word: String) in lines.contains { $0.contains(word) } }
    if names("3-legged"), !names("2-legged"), lines.contains(where: { $0.contains("3-legged") && isDemand($0) }) { return [3] }
    if names("2-legged"), !names("3-legged"), names("client credentials") { return [2] }
    return [2, 3]
  }

  private static func isDemand(_ line: String) -> Bool { ["must", "require", "only"].contains(where: line.contains) }
}

import Bytes
import Policy

/// What an OpenAPI 3.0 document says of its API.
struct DocumentFacts {
  let root: SourceNode
  let title: String
  let version: String
  let description: String
  /// Without the root and without a slash at its end.
  let basePath: String
  /// Unknown properties of bodies are refused (Commonalities 0.8).
  let isStrict: Bool
  let operations: [OperationFacts]
}

/// Reads a document.
struct DocumentReader {
  let library: SourceLibrary
  let flattener: SchemaFlattener
  let notes: DraftNotes

  private static let methods = ["get", "post", "put", "patch", "delete"]
  private static let operationsMaximum = 500

  /// - Throws: `DocumentError`: it is no OpenAPI 3.0 document, has no operations, or a reference leads nowhere.
  func document() throws(DocumentError) -> DocumentFacts {
    let root = library.root
    guard root.isObject, let dialect = root["openapi"]?.text else {
      let older = root["swagger"] != nil ? "; Swagger 2.0 has to be converted to OpenAPI 3.0 first" : ""
      throw root.error("this is no OpenAPI document: \"openapi\" is missing" + older)
    }
    guard dialect.hasPrefix("3.0") else {
      throw root["openapi"]!.error("OpenAPI \(SourceLibrary.plain(dialect)) is not read; 3.0 is")
    }
    guard let info = root["info"], let title = info["title"]?.text else {
      throw root.error("\"info\" with a \"title\" is missing")
    }
    let version = info["version"]?.text ?? "0.0.0"
    guard PolicySyntax.isVersion(version) else {
      throw info["version"]!.error("\"version\" wants visible ASCII characters, \(PolicySyntax.versionBytesMaximum) at most")
    }
    guard let paths = root["paths"], paths.isObject, !paths.members.isEmpty else { throw root.error("the document has no paths") }
    var operations: [OperationFacts] = []
    for path in paths.members where path.name.hasPrefix("/") {
      let item = try library.resolve(path.value)
      for method in Self.methods {
        guard let node = item[method] else { continue }
        guard operations.count < Self.operationsMaximum else {
          throw node.error("more than \(Self.operationsMaximum) operations")
        }
        if let operation = try operation(node, item, method.uppercased(), path.name, operations.map(\.id)) {
          operations.append(operation)
        }
      }
    }
    guard !operations.isEmpty else { throw paths.error("the document has no operations that a policy can describe") }
    let description = info["description"]?.text ?? ""
    return DocumentFacts(
      root: root, title: title.trimmed, version: version, description: description,
      basePath: basePath(root, title), isStrict: Self.isStrict(info, description), operations: operations)
  }

  /// The texts that Commonalities 0.8 makes mandatory hold the section; its markers may be gone in what others publish.
  private static func isStrict(_ info: SourceNode, _ description: String) -> Bool {
    description.contains("request-body-strictness") || description.lowercased().contains("# request body strictness")
  }

  /// `{apiRoot}/sim-swap/v2` as `/sim-swap/v2`.
  private func basePath(_ root: SourceNode, _ title: String) -> String {
    let server = root["servers"]?.elements?.first?["url"]
    var path = server?.text ?? ""
    if let scheme = path.firstRange(of: "://") {
      let rest = path[scheme.upperBound...]
      path = rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? ""
    } else if path.hasPrefix("{"), let end = path.firstIndex(of: "}") {
      path = String(path[path.index(after: end)...])
    }
    while path.hasSuffix("/") { path.removeLast() }
    if !path.isEmpty, path.hasPrefix("/"), PolicySyntaxCheck.isPlainPath(path), !path.contains("{") { return path }
    let made = "/" + title.slug
    notes.add(server ?? root, "no base path that a policy can have: \(made) is proposed")
    return made
  }

  // MARK: Operations

  private func operation(
    _ node: SourceNode, _ item: SourceNode, _ method: String, _ path: String, _ known: [String]
  ) throws(DocumentError) -> OperationFacts? {
    let plain = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    guard PolicySyntaxCheck.isPlainPath(plain) else {
      notes.add(node, "\(method) \(SourceLibrary.plain(path)) is left out: such a path cannot be routed")
      return nil
    }
    let (isSupported, isRequired, body) = try self.body(node)
    guard isSupported else {
      notes.add(node, "\(method) \(SourceLibrary.plain(path)) is left out: its body is not JSON")
      return nil
    }
    let (answers, errors) = try self.answers(node)
    return OperationFacts(
      node: node, id: id(node, method, plain, known), method: method, path: plain, summary: node["summary"]?.text?.trimmed ?? "",
      description: node["description"]?.text ?? "", parameters: try parameters(node, item), body: body,
      isBodyRequired: isRequired,
      answers: answers, errors: errors, scopes: scopes(node))
  }

  private func id(_ node: SourceNode, _ method: String, _ path: String, _ known: [String]) -> String {
    let made = (method.lowercased() + "-" + path).slug
    let given = node["operationId"]?.text?.filter(\.isVisibleASCII) ?? ""
    let wanted = String((given.isEmpty ? made : given).prefix(64))
    if given.isEmpty { notes.add(node, "has no operationId: \(wanted) is proposed") }
    guard known.contains(wanted) else { return wanted }
    notes.add(node, "its operationId stands twice: \(made) is proposed")
    return String((made + "-\(known.count)").suffix(64))
  }

  private func body(_ node: SourceNode) throws(DocumentError) -> (isSupported: Bool, isRequired: Bool, body: FlatSchema?) {
    guard let node = node["requestBody"] else { return (true, false, nil) }
    let body = try library.resolve(node)
    guard let media = Self.json(body["content"]) else { return (false, false, nil) }
    return (
      true, body["required"]?.boolean ?? false,
      try media["schema"].map { schema throws(DocumentError) in try flattener.flatten(schema) }
    )
  }

  private static func json(_ content: SourceNode?) -> SourceNode? {
    let media = content?.members ?? []
    return
      (media.first { $0.name.hasPrefix("application/json") } ?? media.first { $0.name.contains("json") || $0.name == "*/*" })?
      .value
  }

  private func answers(_ node: SourceNode) throws(DocumentError) -> ([OperationFacts.Answer], [ErrorFacts]) {
    var answers: [OperationFacts.Answer] = []
    var errors: [ErrorFacts] = []
    let reader = ErrorReader(library: library, flattener: flattener, notes: notes)
    for member in node["responses"]?.members ?? [] {
      let response = try library.resolve(member.value)
      let status = Int(member.name.replacing("XX", with: "00")) ?? 0
      if (200...299).contains(status) {
        answers.append(try answer(response, status))
      } else if (400...599).contains(status) {
        errors += try reader.errors(response, status: status)
      }
    }
    if answers.isEmpty {
      notes.add(node, "documents no success: 200 without a body is proposed")
      answers = [OperationFacts.Answer(status: 200, body: nil, headers: [])]
    }
    return (answers, errors)
  }

  private func answer(_ response: SourceNode, _ status: Int) throws(DocumentError) -> OperationFacts.Answer {
    var body: FlatSchema?
    if let content = response["content"], !content.members.isEmpty, status != 204 {
      if let media = Self.json(content) {
        body = try media["schema"].map { schema throws(DocumentError) in try flattener.flatten(schema) }
      } else {
        notes.add(response, "the answer is not JSON: nothing of it leaves")
      }
    }
    var headers: [(name: String, schema: FlatSchema)] = []
    for member in response["headers"]?.members ?? [] where member.name.lowercased() != "x-correlator" {
      let header = try library.resolve(member.value)
      if let schema = header["schema"] { headers.append((member.name, try flattener.flatten(schema))) }
    }
    return OperationFacts.Answer(status: status, body: body, headers: headers)
  }

  /// Of the path first, then of the operation, which may replace them (OpenAPI 3.0.3, Path Item Object).
  private func parameters(_ node: SourceNode, _ item: SourceNode) throws(DocumentError) -> [OperationFacts.Parameter] {
    var parameters: [OperationFacts.Parameter] = []
    for element in (item["parameters"]?.elements ?? []) + (node["parameters"]?.elements ?? []) {
      let parameter = try library.resolve(element)
      guard let name = parameter["name"]?.text, let place = parameter["in"]?.text else {
        throw parameter.error("a parameter wants \"name\" and \"in\"")
      }
      let schema =
        try parameter["schema"].map { schema throws(DocumentError) in try flattener.flatten(schema) } ?? FlatSchema(parameter)
      parameters.removeAll { $0.name == name && $0.place == place }
      parameters.append(
        OperationFacts.Parameter(name: name, place: place, isRequired: parameter["required"]?.boolean ?? false, schema: schema))
    }
    return parameters
  }

  /// The scopes of the schemes that have any (OpenID Connect, OAuth 2.0); those of the document where the operation has none of its own.
  private func scopes(_ node: SourceNode) -> [[String]] {
    var alternatives: [[String]] = []
    for requirement in (node["security"] ?? library.root["security"])?.elements ?? [] {
      for scheme in requirement.members {
        let scopes = scheme.value.strings.filter {
          !$0.isEmpty && $0.allSatisfy(\.isVisibleASCII)
        }
        if !scopes.isEmpty, !alternatives.contains(scopes) { alternatives.append(scopes) }
      }
    }
    return alternatives
  }
}

/// What a policy's path may look like.
enum PolicySyntaxCheck {
  /// Segments of unreserved characters, or a parameter in braces.
  static func isPlainPath(_ path: String) -> Bool {
    path.hasPrefix("/")
      && path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
        let name = segment.hasPrefix("{") && segment.hasSuffix("}") ? segment.dropFirst().dropLast() : segment
        return !name.isEmpty && name != "." && name != ".."
          && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._~".contains($0)) }
      }
  }
}

extension Character {
  /// What names of policies may hold: neither a control character nor what JSON would escape.
  fileprivate var isVisibleASCII: Bool { asciiValue.map { (0x21...0x7E).contains($0) } == true && self != "\"" && self != "\\" }
}

extension String {
  /// Without blanks at its ends.
  var trimmed: String {
    let start = drop { $0.isWhitespace }
    return String(String(start.reversed().drop { $0.isWhitespace }).reversed())
  }

  /// Small letters, digits and hyphens, 64 at most: `Device Status` as `device-status`. A text that has none of them is an `api`.
  var slug: String {
    let letters = lowercased().prefix(1024).map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
    let whole = String(letters).split(separator: "-").joined(separator: "-").prefix(64)
    return whole.isEmpty ? "api" : String(whole)
  }
}

import Policy

/// An operation as a command that can be copied into a shell. The token is in `$TOKEN`.
struct CurlExample {
  let operation: OperationPolicy
  /// The root of this server, without a slash at its end.
  let root: String

  var text: String {
    var lines = ["curl -X \(operation.method) \(Self.quoted(address))", "  -H \"Authorization: Bearer $TOKEN\""]
    for (name, value) in operation.example?.headers ?? [] { lines.append("  -H \(Self.quoted("\(name): \(value)"))") }
    if let body = operation.example?.body {
      lines += ["  -H 'Content-Type: application/json'", "  -d \(Self.quoted(String(decoding: body, as: UTF8.self)))"]
    } else if operation.bodyRequired {
      // A policy without an example: the shell asks for what only a person knows.
      lines += ["  -H 'Content-Type: application/json'", "  -d \"$BODY\""]
    }
    return lines.joined(separator: " \\\n")
  }

  /// Parameters without an example stand in capitals, to be replaced.
  private var address: String {
    let path = operation.pathTemplate.split(separator: "/").map { segment -> String in
      guard segment.hasPrefix("{") else { return String(segment) }
      let name = String(segment.dropFirst().dropLast())
      guard let value = operation.example?.parameters[name] else { return Self.placeholder(name) }
      return Self.escaped(value)
    }
    let query = (operation.example?.query ?? []).map { "\(Self.escaped($0.name))=\(Self.escaped($0.value))" }
    return root + "/" + path.joined(separator: "/") + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
  }

  /// `sessionId`: `SESSION_ID`.
  static func placeholder(_ name: String) -> String {
    name.reduce(into: "") { text, character in
      if character.isUppercase, text.last?.isLetter == true { text += "_" }
      text += character.isLetter || character.isNumber ? character.uppercased() : "_"
    }
  }

  private static func escaped(_ value: String) -> String {
    var bytes: [UInt8] = []
    PathEscapes.append(value.utf8, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// One word of a POSIX shell, whatever it holds.
  static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
  }
}

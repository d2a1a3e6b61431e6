import Bytes

/// The steps of a flow as text. What a server sent cannot reach the terminal as a command: control characters are written out.
enum FlowText {
  private static let indentation = "   "

  static func request(_ request: FlowStep.Request) -> String {
    var lines = ["→ \(safe(request.method)) \(safe(request.address))"]
    lines += request.fields.map { "  \(safe($0.name)): \(safe($0.value))" }
    lines += request.form.map { "  \(safe($0.name))=\(safe($0.value))" }
    if let body = request.body { lines.append(pretty(body, indentation: "  ")) }
    return block(lines)
  }

  static func response(_ response: FlowStep.Response) -> String {
    var lines = ["← \(response.status)"]
    lines += response.fields.map { "  \(safe($0.name)): \(safe($0.value))" }
    switch response.body {
    case .none: break
    case .json(let json): lines.append(pretty(json, indentation: "  "))
    case .other(let text): lines.append("  (\(safe(text)))")
    }
    return block(lines)
  }

  static func detail(_ detail: FlowStep.Detail) -> String {
    block(["  \(detail.label): \(pretty(detail.json, indentation: "  ").trimmed)"])
  }

  static func note(_ text: String) -> String { block(["• \(safe(text))"]) }

  static func check(_ check: FlowStep.Check) -> String {
    if check.isOK { return block(["✓ \(safe(check.text))"]) }
    return block([check.isMandatory ? "✗ \(safe(check.text))" : "! \(safe(check.text)): not so; recommended"])
  }

  /// JSON with a line for each member of an object; what holds no objects stands in one line.
  static func pretty(_ json: [UInt8], indentation: String = "") -> String {
    guard let document = try? JSONDocument(json) else { return indentation + safe(String(decoding: json, as: UTF8.self)) }
    return indentation + pretty(document.root, indentation)
  }

  private static func pretty(_ value: JSONValue, _ indentation: String) -> String {
    let inner = indentation + "  "
    switch value.kind {
    case .object where !value.keys.isEmpty:
      let members = value.keys.map { "\(inner)\"\(safe($0.name))\": \(pretty($0.value, inner))" }
      return "{\n\(members.joined(separator: ",\n"))\n\(indentation)}"
    case .array where value.array?.contains { $0.kind == .object } == true:
      return "[\n\((value.array ?? []).map { inner + pretty($0, inner) }.joined(separator: ",\n"))\n\(indentation)]"
    default: return safe(String(decoding: value.raw, as: UTF8.self))
    }
  }

  /// Control characters as `\u{..}`: C0, DEL and C1.
  static func safe(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    return text.unicodeScalars.reduce(into: "") { result, scalar in
      if isControl(scalar) { result += "\\u{\(String(scalar.value, radix: 16))}" } else { result.unicodeScalars.append(scalar) }
    }
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .control }

  private static func block(_ lines: [String]) -> String {
    lines.joined(separator: "\n").split(separator: "\n", omittingEmptySubsequences: false).map { indentation + $0 }
      .joined(separator: "\n")
  }
}

/// Writes a policy file the way a person would: small things on one line, comments where they were, commas at the ends of lines.
enum PolicyText {
  private static let widthMaximum = 120

  /// - Parameter head: comments before the first brace.
  static func write(_ tree: PolicyTree, head: [String]) -> [UInt8] {
    var text = head.map { $0 + "\n" }.joined()
    text += block(tree, indent: 0) + "\n"
    return Array(text.utf8)
  }

  private static func block(_ tree: PolicyTree, indent: Int) -> String {
    switch tree {
    case .object(let entries): lines(entries, "{", "}", indent, isNamed: true)
    case .array(let entries): lines(entries, "[", "]", indent, isNamed: false)
    default: inline(tree) ?? "null"
    }
  }

  private static func lines(
    _ entries: [PolicyTree.Entry], _ open: String, _ close: String, _ indent: Int, isNamed: Bool
  ) -> String {
    let margin = String(repeating: " ", count: indent + 2)
    var text = open + "\n"
    for (index, entry) in entries.enumerated() {
      // A gap before what a file is about, as in a text of several paragraphs.
      if indent == 0, index > 0, entry.value?.isObject == true, entry.name != "title" { text += "\n" }
      for comment in entry.comments { text += margin + comment + "\n" }
      guard let value = entry.value else { continue }
      let key = isNamed ? quoted(entry.name) + ": " : ""
      let line = isText(value) || indent == 0 && value.isObject ? nil : inline(value)
      let fits = line.map { margin.count + key.count + $0.count + 1 <= widthMaximum } ?? false
      text += margin + key + (fits ? line! : block(value, indent: indent + 2)) + ","
      text += (entry.remark.map { "  " + $0 } ?? "") + "\n"
    }
    return text + String(repeating: " ", count: indent) + close
  }

  /// A text in several languages: each has a line.
  private static func isText(_ tree: PolicyTree) -> Bool {
    tree.members.count > 1 && tree["en"] != nil && tree.members.allSatisfy { $0.value?.string != nil }
  }

  /// On one line; nil where a comment needs lines of its own.
  static func inline(_ tree: PolicyTree) -> String? {
    switch tree {
    case .object(let entries): return inline(entries, isNamed: true).map { entries.isEmpty ? "{}" : "{ \($0) }" }
    case .array(let entries): return inline(entries, isNamed: false).map { "[\($0)]" }
    case .string(let text): return quoted(text)
    case .number(let text): return text
    case .boolean(let value): return value ? "true" : "false"
    case .null: return "null"
    }
  }

  private static func inline(_ entries: [PolicyTree.Entry], isNamed: Bool) -> String? {
    var parts: [String] = []
    for entry in entries {
      guard entry.comments.isEmpty, entry.remark == nil, let value = entry.value, !isText(value), let text = inline(value) else {
        return nil
      }
      parts.append(isNamed ? quoted(entry.name) + ": " + text : text)
    }
    return parts.joined(separator: ", ")
  }

  /// Blanks that must not break a line, and what no eye can tell apart, are written as escapes.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22: result += "\\\""
      case 0x5C: result += "\\\\"
      case 0x0A: result += "\\n"
      case 0x09: result += "\\t"
      case 0..<0x20, 0x7F...0xA0, 0xAD, 0x061C, 0x200B...0x200F, 0x2028...0x202F, 0x2060...0x206F, 0xFEFF:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

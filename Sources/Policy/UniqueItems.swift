import Bytes

/// `uniqueItems`: whether two elements are the same JSON value, however they are written.
enum UniqueItems {
  static func hold(_ array: Int, _ json: JSONView) -> Bool {
    var seen: Set<[UInt8]> = []
    var child = array + 1
    for _ in 0..<json.childCount(array) {
      var text: [UInt8] = []
      write(child, json, &text)
      guard seen.insert(text).inserted else { return false }
      child = json.next(child)
    }
    return true
  }

  /// One spelling for each value: members in the order of their names, strings without escapes and by length, numbers as doubles.
  private static func write(_ node: Int, _ json: JSONView, _ output: inout [UInt8]) {
    let kind = json.kind(node)
    output.append(kind.rawValue)
    switch kind {
    case .true, .false, .null: break
    case .number:
      let literal = json.raw(node).string()
      let value = Double(literal) ?? 0
      // What a double cannot tell apart is told apart by its spelling.
      append(Array((abs(value) < 9_007_199_254_740_992 ? "\(value == 0 ? 0 : value)" : literal).utf8), &output)
    case .string: append(json.unescaped(node), &output)
    case .array, .object: members(node, kind, json, &output)
    }
  }

  private static func members(
    _ node: Int, _ kind: JSONTape.Kind, _ json: JSONView, _ output: inout [UInt8]
  ) {
    var parts: [[UInt8]] = []
    var child = node + 1
    for _ in 0..<json.childCount(node) {
      var part: [UInt8] = []
      write(child, json, &part)
      if kind == .object {
        child += 1
        write(child, json, &part)
      }
      parts.append(part)
      child = json.next(child)
    }
    if kind == .object { parts.sort { $0.lexicographicallyPrecedes($1) } }
    append(Array("\(parts.count)".utf8), &output)
    for part in parts { append(part, &output) }
  }

  private static func append(_ part: [UInt8], _ output: inout [UInt8]) {
    output += Array("\(part.count):".utf8)
    output += part
  }
}

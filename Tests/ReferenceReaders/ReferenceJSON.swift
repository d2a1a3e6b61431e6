/// JSON read in the plainest way, straight from the grammar of RFC 8259, to compare the real parser with: slow, and written
/// without a look at it.
package indirect enum ReferenceJSON: Equatable {
  case object([(name: String, value: ReferenceJSON)])
  case array([ReferenceJSON])
  case string(String)
  case number(String)
  case boolean(Bool)
  case null

  package static func == (left: ReferenceJSON, right: ReferenceJSON) -> Bool {
    switch (left, right) {
    case (.object(let a), .object(let b)):
      a.count == b.count && zip(a, b).allSatisfy { Array($0.name.utf8) == Array($1.name.utf8) && $0.value == $1.value }
    case (.array(let a), .array(let b)): a == b
    // By bytes: equality of Swift's strings is canonical equivalence, which is not JSON's.
    case (.string(let a), .string(let b)): Array(a.utf8) == Array(b.utf8)
    case (.number(let a), .number(let b)): a == b
    case (.boolean(let a), .boolean(let b)): a == b
    case (.null, .null): true
    default: false
    }
  }

  /// Nil when it is not JSON, has a key twice, or is deeper than `depthMaximum`.
  package static func parse(_ bytes: [UInt8], depthMaximum: Int = 32) -> ReferenceJSON? {
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    var reader = Reader(rest: Array(text.unicodeScalars)[...], depthMaximum: depthMaximum)
    reader.space()
    guard let value = reader.value(0) else { return nil }
    reader.space()
    return reader.rest.isEmpty ? value : nil
  }

  private struct Reader {
    var rest: ArraySlice<Unicode.Scalar>
    let depthMaximum: Int

    mutating func space() {
      while take(" ") || take("\t") || take("\n") || take("\r") {}
    }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
      guard rest.first == scalar else { return false }
      rest.removeFirst()
      return true
    }

    mutating func word(_ word: String) -> Bool {
      guard rest.starts(with: word.unicodeScalars) else { return false }
      rest.removeFirst(word.unicodeScalars.count)
      return true
    }

    mutating func value(_ depth: Int) -> ReferenceJSON? {
      switch rest.first {
      case "{": object(depth + 1)
      case "[": array(depth + 1)
      case "\"": string().map { .string($0) }
      case "t": word("true") ? .boolean(true) : nil
      case "f": word("false") ? .boolean(false) : nil
      case "n": word("null") ? .null : nil
      default: number()
      }
    }

    mutating func object(_ depth: Int) -> ReferenceJSON? {
      guard depth <= depthMaximum, take("{") else { return nil }
      var (members, names): ([(String, ReferenceJSON)], Set<[UInt8]>) = ([], [])
      space()
      if take("}") { return .object([]) }
      repeat {
        space()
        guard let name = string(), names.insert(Array(name.utf8)).inserted else { return nil }
        space()
        guard take(":") else { return nil }
        space()
        guard let value = value(depth) else { return nil }
        members.append((name, value))
        space()
      } while take(",")
      return take("}") ? .object(members) : nil
    }

    mutating func array(_ depth: Int) -> ReferenceJSON? {
      guard depth <= depthMaximum, take("[") else { return nil }
      var elements: [ReferenceJSON] = []
      space()
      if take("]") { return .array([]) }
      repeat {
        space()
        guard let value = value(depth) else { return nil }
        elements.append(value)
        space()
      } while take(",")
      return take("]") ? .array(elements) : nil
    }

    mutating func string() -> String? {
      guard take("\"") else { return nil }
      var text = String.UnicodeScalarView()
      while let scalar = rest.popFirst() {
        switch scalar {
        case "\"": return String(text)
        case "\\":
          guard let escaped = escape() else { return nil }
          text.append(escaped)
        default:
          guard scalar.value >= 0x20 else { return nil }
          text.append(scalar)
        }
      }
      return nil
    }

    mutating func escape() -> Unicode.Scalar? {
      switch rest.popFirst() {
      case "\"": return "\""
      case "\\": return "\\"
      case "/": return "/"
      case "b": return "\u{08}"
      case "f": return "\u{0C}"
      case "n": return "\n"
      case "r": return "\r"
      case "t": return "\t"
      case "u":
        guard let first = unit() else { return nil }
        guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) }
        guard take("\\"), take("u"), let second = unit(), (0xDC00...0xDFFF).contains(second) else { return nil }
        return Unicode.Scalar(0x10000 + (first - 0xD800) * 0x400 + (second - 0xDC00))
      default: return nil
      }
    }

    mutating func unit() -> UInt32? {
      guard rest.count >= 4 else { return nil }
      let digits = rest.prefix(4)
      guard digits.allSatisfy({ $0.isASCII && $0.properties.isASCIIHexDigit }) else { return nil }
      rest.removeFirst(4)
      return UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
    }

    mutating func number() -> ReferenceJSON? {
      let start = rest
      _ = take("-")
      if !take("0") { guard digits() > 0 else { return nil } }
      if take(".") { guard digits() > 0 else { return nil } }
      if take("e") || take("E") {
        if !take("+") { _ = take("-") }
        guard digits() > 0 else { return nil }
      }
      return .number(String(String.UnicodeScalarView(start[..<rest.startIndex])))
    }

    /// How many digits stood there.
    mutating func digits() -> Int {
      let before = rest.count
      rest = rest.drop { $0.value >= 0x30 && $0.value <= 0x39 }
      return before - rest.count
    }
  }
}

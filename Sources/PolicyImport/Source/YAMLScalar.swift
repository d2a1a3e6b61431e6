/// What a scalar of YAML means: the core schema of YAML 1.2 (§10.3.2), on which OpenAPI 3.0 is built.
///
/// libyaml knows no schema; readers of YAML 1.1 would take `no`, `on` and `12:30` for something else than text.
enum YAMLScalar {
  /// - Parameter isPlain: it stands without quotes; with quotes it is a string whatever it says.
  static func content(_ text: String, isPlain: Bool) -> SourceNode.Content {
    guard isPlain else { return .string(text) }
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .boolean(true)
    case "false", "False", "FALSE": return .boolean(false)
    default: break
    }
    if let json = number(text) { return .number(json: json, written: text) }
    return .string(text)
  }

  /// The number as JSON writes it; nil when the text is none, or none that JSON has.
  static func number(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 64, first == 0x2B || first == 0x2D || first == 0x2E || isDigit(first) else {
      return nil
    }
    if text.hasPrefix("0x"), let value = Int(text.dropFirst(2), radix: 16), text.utf8.count > 2 { return String(value) }
    if text.hasPrefix("0o"), let value = Int(text.dropFirst(2), radix: 8), text.utf8.count > 2 { return String(value) }
    let unsigned = first == 0x2B || first == 0x2D ? bytes.dropFirst() : bytes[...]
    if !unsigned.isEmpty, unsigned.allSatisfy(isDigit) {
      let digits = String(decoding: unsigned.drop { $0 == 0x30 }, as: UTF8.self)
      return (first == 0x2D && !digits.isEmpty ? "-" : "") + (digits.isEmpty ? "0" : digits)
    }
    return fraction(text, unsigned)
  }

  /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
  private static func fraction(_ text: String, _ unsigned: ArraySlice<UInt8>) -> String? {
    let whole = unsigned.prefix(while: isDigit)
    var rest = unsigned.dropFirst(whole.count)
    var digits = whole.count
    if rest.first == 0x2E {
      let decimals = rest.dropFirst().prefix(while: isDigit)
      digits += decimals.count
      rest = rest.dropFirst(1 + decimals.count)
    }
    guard digits > 0 else { return nil }
    if let sign = rest.first {
      guard sign == 0x65 || sign == 0x45 else { return nil }
      rest = rest.dropFirst()
      if rest.first == 0x2B || rest.first == 0x2D { rest = rest.dropFirst() }
      guard !rest.isEmpty, rest.allSatisfy(isDigit) else { return nil }
    }
    guard let value = Double(text), value.isFinite else { return nil }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : value.description
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}

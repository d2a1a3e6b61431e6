/// Writes JSON into bytes. Commas and colons come by themselves.
///
/// Beyond what JSON demands it escapes `<`, `>`, `&`, DEL, C1 controls and the line separators U+2028 and U+2029, so that what it writes is
/// safe in a log line and in a page (A33). What is not UTF-8 is replaced.
public struct JSONWriter: Sendable {
  public private(set) var bytes: [UInt8] = []
  private var wantsComma = false

  public init() {}

  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    wantsComma = false
  }

  public mutating func beginObject() { begin(0x7B) }
  public mutating func endObject() { end(0x7D) }
  public mutating func beginArray() { begin(0x5B) }
  public mutating func endArray() { end(0x5D) }

  public mutating func key(_ name: StaticString) { key(name.description) }

  public mutating func key(_ name: String) {
    string(name)
    bytes.append(0x3A)
    wantsComma = false
  }

  public mutating func string(_ text: String) {
    separate()
    var text = text
    text.withUTF8 { buffer in unsafe quote(buffer) }
  }

  public mutating func string(utf8 text: Span<UInt8>) { string(text.string()) }
  public mutating func integer(_ value: Int) {
    separate()
    bytes.append(decimal: value)
    wantsComma = true
  }
  /// - Precondition: the number is finite; JSON has no other.
  public mutating func number(_ value: Double) {
    precondition(value.isFinite)
    literal(value.description)
  }
  public mutating func boolean(_ value: Bool) { literal(value ? "true" : "false") }
  public mutating func null() { literal("null") }

  /// A value that is JSON already.
  public mutating func raw(_ json: [UInt8]) {
    separate()
    bytes.append(contentsOf: json)
    wantsComma = true
  }

  public mutating func field(_ name: StaticString, _ value: String) {
    key(name)
    string(value)
  }
  public mutating func field(_ name: StaticString, _ value: Int) {
    key(name)
    integer(value)
  }
  public mutating func field(_ name: StaticString, _ value: Bool) {
    key(name)
    boolean(value)
  }
  public mutating func field(_ name: StaticString, _ values: [String]) {
    key(name)
    beginArray()
    for value in values { string(value) }
    endArray()
  }

  private mutating func literal(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
    wantsComma = true
  }

  private mutating func begin(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    wantsComma = false
  }

  private mutating func end(_ bracket: UInt8) {
    bytes.append(bracket)
    wantsComma = true
  }

  private mutating func separate() {
    if wantsComma { bytes.append(0x2C) }
  }

  private mutating func quote(_ text: UnsafeBufferPointer<UInt8>) {
    unsafe Self.quote(text, to: &bytes)
    wantsComma = true
  }

  /// Appends a text as a JSON string, with its quotes.
  public static func append(_ text: String, to bytes: inout [UInt8]) {
    var text = text
    text.withUTF8 { buffer in unsafe quote(buffer, to: &bytes) }
  }

  /// What needs neither an escape nor a second look: printable ASCII but `"`, `\`, `<`, `>` and `&`.
  static let plain = ASCIISet(low: 0xAFFFFFBB00000000, high: 0x7FFFFFFFEFFFFFFF)

  private static func quote(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
    bytes.append(0x22)
    var index = 0
    while index < text.count {
      let start = index
      while unsafe index < text.count && plain.contains(text[index]) { index += 1 }
      if index > start { unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index])) }
      guard index < text.count else { break }
      unsafe quoteOne(text, &index, to: &bytes)
    }
    bytes.append(0x22)
  }

  private static func quoteOne(_ text: UnsafeBufferPointer<UInt8>, _ index: inout Int, to bytes: inout [UInt8]) {
    let byte = unsafe text[index]
    index += 1
    switch byte {
    case 0x22, 0x5C:
      bytes.append(0x5C)
      bytes.append(byte)
    case 0x00..<0x20, 0x3C, 0x3E, 0x26, 0x7F: escape(UInt16(byte), to: &bytes)
    // C1 control characters, which terminals obey.
    case 0xC2 where unsafe index < text.count && text[index] < 0xA0:
      escape(unsafe UInt16(text[index]), to: &bytes)
      index += 1
    case 0xE2 where unsafe index + 1 < text.count && text[index] == 0x80 && text[index + 1] & 0xFE == 0xA8:
      escape(unsafe 0x2000 | UInt16(text[index + 1] & 0x3F), to: &bytes)
      index += 2
    default: bytes.append(byte)
    }
  }

  private static func escape(_ unit: UInt16, to bytes: inout [UInt8]) {
    switch unit {
    case 0x0A: bytes.append("\\n")
    case 0x0D: bytes.append("\\r")
    case 0x09: bytes.append("\\t")
    default:
      bytes.append("\\u")
      Hex.append([UInt8(unit >> 8), UInt8(unit & 0xFF)].span, to: &bytes)
    }
  }
}

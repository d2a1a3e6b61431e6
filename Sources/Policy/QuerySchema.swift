import Bytes

/// The query parameters of an operation: those that a policy names. Others are left out on the way to the backend, like fields that a
/// schema does not name; the gateway does not fail for what it does not need.
///
/// A backend that merges query and body could otherwise be asked about somebody who was never asked for consent (A22), and what
/// clients write there stands in its access log.
public struct QuerySchema: Sendable {
  struct Parameter: Sendable {
    let name: [UInt8]
    let pattern: Pattern
    let isRequired: Bool
  }

  /// A value, after its escapes are read.
  static let valueBytesMaximum = 1024

  private let parameters: [Parameter]

  /// No parameter at all.
  public static let none = QuerySchema(parameters: [])

  private init(parameters: [Parameter]) { self.parameters = parameters }

  /// Reads a policy's `query`: an object, name to `pattern` and `required`.
  init(_ value: JSONValue) throws(DocumentError) {
    guard value.kind == .object, value.keys.count <= 64 else { throw value.error("query wants an object: name to pattern") }
    var parameters: [Parameter] = []
    for member in value.keys {
      guard !member.name.isEmpty, member.name.utf8.allSatisfy(Self.isUnreserved) else {
        throw member.error("a query parameter's name wants letters, digits, -, ., _ and ~")
      }
      var reader = try ObjectReader(member.value)
      let text = try reader.string("pattern")
      let isRequired = try reader.boolean("required", default: false)
      try reader.finish()
      let pattern: Pattern
      do throws(Pattern.Fault) { pattern = try Pattern(text) } catch { throw member.error(error.reason) }
      parameters.append(Parameter(name: Array(member.name.utf8), pattern: pattern, isRequired: isRequired))
    }
    self.parameters = parameters
  }

  /// Checks what followed the `?` and appends it, written anew with its `?`, in the policy's order; nothing when there is none.
  ///
  /// - Returns: the first violation.
  public func check(_ query: Span<UInt8>?, into output: inout [UInt8]) -> SchemaViolation? {
    guard let query, !query.isEmpty else { return missing(from: []) }
    var given: [(index: Int, value: [UInt8])] = []
    var start = 0
    while start <= query.count {
      let end = query.firstIndex(of: 0x26, from: start) ?? query.count
      let pair = query.extracting(start..<end)
      start = end + 1
      let equals = pair.firstIndex(of: 0x3D) ?? pair.count
      let name = pair.extracting(0..<equals)
      // A name is compared as it was sent: no second spelling leads to it.
      guard let index = parameters.firstIndex(where: { name.equals($0.name.span) }) else {
        continue
      }
      guard !given.contains(where: { $0.index == index }) else { return violation(index, "is there twice") }
      guard equals < pair.count, let value = Self.decoded(pair.extracting(equals + 1..<pair.count)),
        parameters[index].pattern.matches(value)
      else { return violation(index, "has a wrong format") }
      given.append((index, value))
    }
    if let violation = missing(from: given.map(\.index)) { return violation }
    for (index, value) in given.sorted(by: { $0.index < $1.index }) {
      output.append(output.isEmpty ? 0x3F : 0x26)
      output.append(contentsOf: parameters[index].name)
      output.append(0x3D)
      for byte in value { Self.append(byte, to: &output) }
    }
    return nil
  }

  private func missing(from given: [Int]) -> SchemaViolation? {
    parameters.indices.first { parameters[$0].isRequired && !given.contains($0) }.flatMap { violation($0, "is missing") }
  }

  private func violation(_ index: Int, _ what: String) -> SchemaViolation? {
    Self.violation("The query parameter \(String(decoding: parameters[index].name, as: UTF8.self)) \(what).")
  }

  private static func violation(_ message: String) -> SchemaViolation {
    SchemaViolation(code: .invalidArgument, message: message)
  }

  /// RFC 3986 §2.1. A plus is refused: some read it as a space and some do not.
  private static func decoded(_ text: Span<UInt8>) -> [UInt8]? {
    var value: [UInt8] = []
    var index = 0
    while index < text.count {
      guard value.count < valueBytesMaximum, text[index] != 0x2B else { return nil }
      guard text[index] == 0x25 else {
        value.append(text[index])
        index += 1
        continue
      }
      guard index + 2 < text.count, let high = Hex.value(text[index + 1]), let low = Hex.value(text[index + 2]) else {
        return nil
      }
      value.append(high << 4 | low)
      index += 3
    }
    return value
  }

  private static func append(_ byte: UInt8, to output: inout [UInt8]) {
    guard !isUnreserved(byte) else { output.append(byte); return }
    output.append(0x25)
    for digit in [byte >> 4, byte & 15] { output.append(digit < 10 ? 0x30 + digit : 0x41 + digit - 10) }
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
    default: false
    }
  }
}

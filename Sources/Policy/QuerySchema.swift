import Bytes

/// The query parameters of an operation: those that a policy names. Others are left out on the way to the backend, like fields that a
/// schema does not name; the gateway does not fail for what it does not need.
///
/// A backend that merges query and body could otherwise be asked about somebody who was never asked for consent (A22), and what
/// clients write there stands in its access log.
public struct QuerySchema: Sendable {
  struct Parameter: Sendable {
    let name: [UInt8]
    let rule: TextRule
    let isRequired: Bool
    /// It may be there several times, and hold several values with commas between.
    let isRepeated: Bool
  }

  static let repetitionsMaximum = 64

  private let parameters: [Parameter]
  /// The parameter that names the subscriber: checked like the others, and written by whoever knows about whom the call is.
  private var subject: Int?

  /// No parameter at all.
  public static let none = QuerySchema(parameters: [])

  private init(parameters: [Parameter]) { self.parameters = parameters }

  /// Reads a policy's `query`: an object, name to the rule of its value.
  init(_ value: JSONValue, _ patterns: Patterns = Patterns()) throws(DocumentError) {
    guard value.kind == .object, value.keys.count <= PolicySyntax.queryCountMaximum else {
      throw value.error("query wants an object: name to rule")
    }
    var parameters: [Parameter] = []
    for member in value.keys {
      guard Self.isName(member.name) else {
        throw member.error("a query parameter's name wants letters, digits, -, ., _ and ~")
      }
      var reader = try ObjectReader(member.value)
      let isRequired = try reader.boolean("required", default: false)
      let isRepeated = try reader.boolean("repeated", default: false)
      let rule = try TextRule(&reader, member.value, patterns)
      try reader.finish()
      parameters.append(
        Parameter(name: Array(member.name.utf8), rule: rule, isRequired: isRequired, isRepeated: isRepeated))
    }
    self.parameters = parameters
  }

  static func isName(_ name: String) -> Bool { !name.isEmpty && name.utf8.allSatisfy(PathEscapes.isUnreserved) }

  /// The same, where a parameter names the subscriber; nil when there is none of this name, or one that may be there several times.
  func naming(_ name: String) -> QuerySchema? {
    guard let index = parameters.firstIndex(where: { $0.name.elementsEqual(name.utf8) }), !parameters[index].isRepeated else {
      return nil
    }
    var schema = self
    schema.subject = index
    return schema
  }

  var names: [String] { parameters.map { String(decoding: $0.name, as: UTF8.self) } }

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
      guard let index = parameters.firstIndex(where: { name.equals($0.name.span) }) else { continue }
      let before = given.count { $0.index == index }
      guard before == 0 || parameters[index].isRepeated && before < Self.repetitionsMaximum else {
        return violation(index, "is there \(parameters[index].isRepeated ? "too often" : "twice")")
      }
      guard equals < pair.count, let value = PathEscapes.decoded(pair.extracting(equals + 1..<pair.count), refusesPlus: true)
      else { return violation(index, "has a wrong format") }
      if let fault = fault(value, parameters[index]) { return violation(index, fault.what, fault.kind) }
      given.append((index, value))
    }
    if let violation = missing(from: given.map(\.index)) { return violation }
    for index in parameters.indices where index != subject {
      for (_, value) in given.filter({ $0.index == index }) { append(index, value, to: &output) }
    }
    return nil
  }

  /// What is wrong with parameters as they are meant, before any escape; one that is not named is a violation here.
  func violation(_ pairs: [(name: String, value: String)]) -> SchemaViolation? {
    var query: [UInt8] = []
    for (name, value) in pairs {
      guard parameters.contains(where: { $0.name == Array(name.utf8) }) else {
        return SchemaViolation(kind: .invalidArgument, message: "The operation has no query parameter \(name).")
      }
      if !query.isEmpty { query.append(0x26) }
      query += Array(name.utf8) + [0x3D]
      PathEscapes.append(value.utf8, to: &query)
    }
    var output: [UInt8] = []
    return check(query.span, into: &output)
  }

  private func append(_ index: Int, _ value: some Sequence<UInt8>, to output: inout [UInt8]) {
    output.append(output.isEmpty ? 0x3F : 0x26)
    output.append(contentsOf: parameters[index].name)
    output.append(0x3D)
    PathEscapes.append(value, to: &output)
  }

  // MARK: The subscriber

  /// True when a parameter names the subscriber.
  public var namesSubject: Bool { subject != nil }

  /// What a query that was found right says of the subscriber; nil when it says nothing.
  public func subject(in query: Span<UInt8>?) -> [UInt8]? {
    guard let subject, let query else { return nil }
    let own = parameters[subject].name
    var start = 0
    while start < query.count {
      let end = query.firstIndex(of: 0x26, from: start) ?? query.count
      let pair = query.extracting(start..<end)
      start = end + 1
      let equals = pair.firstIndex(of: 0x3D) ?? pair.count
      guard equals < pair.count, pair.extracting(0..<equals).equals(own.span) else { continue }
      return PathEscapes.decoded(pair.extracting(equals + 1..<pair.count), refusesPlus: true)
    }
    return nil
  }

  /// Appends the parameter that names the subscriber, where there is one.
  public func append(subject value: some Sequence<UInt8>, to output: inout [UInt8]) {
    if let subject { append(subject, value, to: &output) }
  }

  private func fault(_ value: [UInt8], _ parameter: Parameter) -> ValueFault? {
    guard parameter.isRepeated else { return parameter.rule.fault(value) }
    for part in value.split(separator: 0x2C, omittingEmptySubsequences: false) {
      if let fault = parameter.rule.fault(Array(part)) { return fault }
    }
    return nil
  }

  private func missing(from given: [Int]) -> SchemaViolation? {
    parameters.indices.first { parameters[$0].isRequired && !given.contains($0) }.flatMap { violation($0, "is missing") }
  }

  private func violation(_ index: Int, _ what: String, _ kind: ErrorKind = .invalidArgument) -> SchemaViolation {
    let name = String(decoding: parameters[index].name, as: UTF8.self)
    return SchemaViolation(kind: kind, message: "The query parameter \(name) \(what).")
  }
}

/// Escapes of paths and queries (RFC 3986 §2).
public enum PathEscapes {
  /// What the escapes say; nil for a broken one, for too long a value, and for a plus where some would read it as a space.
  static func decoded(_ text: Span<UInt8>, refusesPlus: Bool) -> [UInt8]? {
    var value: [UInt8] = []
    var index = 0
    while index < text.count {
      guard value.count < TextRule.bytesMaximum, !refusesPlus || text[index] != 0x2B else { return nil }
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

  /// Appends a value with all but unreserved characters escaped.
  public static func append(_ value: some Sequence<UInt8>, to output: inout [UInt8]) {
    for byte in value {
      guard !isUnreserved(byte) else { output.append(byte); continue }
      output.append(0x25)
      for digit in [byte >> 4, byte & 15] { output.append(digit < 10 ? 0x30 + digit : 0x41 + digit - 10) }
    }
  }

  static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
    default: false
    }
  }
}

import Bytes

/// Fields of a head that a policy names, with the rules of their values: those of a request that its backend gets, or those of an
/// answer that its client gets. No other field passes.
public struct HeaderRules: Sendable {
  struct Field: Sendable {
    /// As it is written.
    let name: [UInt8]
    let rule: TextRule
    let isRequired: Bool
  }

  static let none = HeaderRules(fields: [])
  private let fields: [Field]

  private init(fields: [Field]) { self.fields = fields }

  /// Reads `headers`: an object, name to the rule of its value.
  init(_ value: JSONValue, _ patterns: Patterns) throws(DocumentError) {
    guard value.kind == .object, value.keys.count <= PolicySyntax.headerCountMaximum else {
      throw value.error("headers wants an object: name to rule")
    }
    var fields: [Field] = []
    for member in value.keys {
      guard Self.isFree(member.name) else {
        throw member.error("this field is not a policy's to pass on: it is HTTP's, or Passerelle writes it itself")
      }
      // Names of fields have no case: the second would be read by one rule and passed on by another.
      guard !fields.contains(where: { String(decoding: $0.name, as: UTF8.self).lowercased() == member.name.lowercased() }) else {
        throw member.error("this field is there already; case makes no difference")
      }
      var reader = try ObjectReader(member.value)
      let isRequired = try reader.boolean("required", default: false)
      let rule = try TextRule(&reader, member.value, patterns)
      try reader.finish()
      fields.append(Field(name: Array(member.name.utf8), rule: rule, isRequired: isRequired))
    }
    self.fields = fields
  }

  public var isEmpty: Bool { fields.isEmpty }
  public var count: Int { fields.count }
  /// As it is written.
  public func name(_ index: Int) -> [UInt8] { fields[index].name }

  /// The index of a field; nil for one that the policy does not name.
  func index(of name: String) -> Int? {
    fields.firstIndex { String(decoding: $0.name, as: UTF8.self).lowercased() == name.lowercased() }
  }

  public func isNamed(_ index: Int, _ name: Span<UInt8>) -> Bool {
    let own = fields[index].name
    guard own.count == name.count else { return false }
    for place in own.indices where Self.folded(own[place]) != Self.folded(name[place]) { return false }
    return true
  }

  /// What is wrong with the value of a field of a request; nil stands for one that is not there.
  public func violation(_ index: Int, _ value: Span<UInt8>?) -> SchemaViolation? {
    let field = fields[index]
    let name = String(decoding: field.name, as: UTF8.self)
    guard let value else {
      guard field.isRequired else { return nil }
      return SchemaViolation(kind: .invalidArgument, message: "The header \(name) is missing.")
    }
    return field.rule.fault(value).map { SchemaViolation(kind: $0.kind, message: "The header \(name) \($0.what).") }
  }

  /// What is wrong with the fields of an example; one that is not named is a violation here.
  func violation(_ given: [(name: String, value: String)]) -> SchemaViolation? {
    for (name, _) in given where index(of: name) == nil {
      return SchemaViolation(kind: .invalidArgument, message: "The operation has no header \(name).")
    }
    for index in 0..<count {
      let value = given.first { self.index(of: $0.name) == index }.map { Array($0.value.utf8) }
      if let violation = violation(index, value?.span) { return violation }
    }
    return nil
  }

  /// True when the value of a field of an answer may leave.
  public func admits(_ index: Int, _ value: Span<UInt8>) -> Bool { fields[index].rule.fault(value) == nil }

  private static func folded(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

  /// A name that means nothing to HTTP, to authorization, or to what Passerelle tells of a call (A27, A28).
  static func isFree(_ name: String) -> Bool {
    let lowercased = name.lowercased()
    guard !name.isEmpty, name.utf8.count <= 64,
      lowercased.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x7A) || $0 == 0x2D })
    else { return false }
    return !reserved.contains(lowercased) && !reservedPrefixes.contains { lowercased.hasPrefix($0) }
  }

  private static let reserved: Set<String> = [
    "host", "connection", "keep-alive", "te", "trailer", "upgrade", "expect", "range", "authorization", "cookie", "set-cookie",
    "set-cookie2", "dpop", "dpop-nonce", "forwarded", "via", "origin", "location", "date", "age", "vary", "allow", "server",
    "www-authenticate", "authentication-info", "x-correlator", "traceparent", "tracestate", "retry-after", "ratelimit",
    "ratelimit-policy", "cache-control", "x-http-method-override", "x-real-ip", "x-original-url", "x-rewrite-url",
  ]
  private static let reservedPrefixes = [
    "content-type", "content-length", "content-encoding", "transfer-", "proxy-", "accept", "x-forwarded", "x-passerelle", "sec-",
    "access-control-", "if-", "strict-",
  ]
}

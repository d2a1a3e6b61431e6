/// A JSON text as a flat list of its values, over bytes that somebody else owns.
///
/// `parse` checks the whole text against RFC 8259 (and that no key stands twice, A30) and notes where each value begins and
/// ends. The tape keeps its capacity, so that reading one message after another allocates nothing once it is warm. Node 0 is
/// the root; in an object, keys and values alternate.
public struct JSONTape: Sendable {
  public enum Kind: UInt8, Sendable { case object, array, string, number, `true`, `false`, null }

  struct Node: Sendable {
    var start: UInt32
    /// One past the last byte.
    var end: UInt32
    /// The node after this value and all that is in it.
    var next: UInt32
    /// Members of an object, elements of an array.
    var childCount: UInt32
    var kind: Kind
    /// A string that holds a backslash: its bytes are not its text.
    var hasEscapes: Bool
  }

  var nodes: [Node] = []

  public init() {}

  /// Reads a text. After an error the tape is empty.
  public mutating func parse(
    _ bytes: Span<UInt8>, limits: JSONLimits = JSONLimits(), dialect: JSONDialect = .strict
  ) throws(JSONSyntaxError) {
    nodes.removeAll(keepingCapacity: true)
    var parser = JSONParser(bytes, limits, dialect)
    do throws(JSONSyntaxError) { try parser.document(into: &nodes) } catch {
      nodes.removeAll(keepingCapacity: true)
      throw error
    }
  }

  public var isEmpty: Bool { nodes.isEmpty }
  public func kind(_ node: Int) -> Kind { nodes[node].kind }
  /// The whole value, a string with its quotes.
  public func range(_ node: Int) -> ByteRange {
    ByteRange(start: Int(nodes[node].start), count: Int(nodes[node].end - nodes[node].start))
  }
  /// Members of an object or elements of an array; 0 for anything else.
  public func childCount(_ node: Int) -> Int { Int(nodes[node].childCount) }
  public func hasEscapes(_ node: Int) -> Bool { nodes[node].hasEscapes }
  /// The node after this one and all that is in it: the next sibling while there is one.
  public func next(_ node: Int) -> Int { Int(nodes[node].next) }
  /// The first key of an object or the first element of an array.
  public func firstChild(_ node: Int) -> Int? { nodes[node].childCount > 0 ? node + 1 : nil }

  /// The value of a member; nil when there is none, or the node is no object.
  public func member(_ name: StaticString, of object: Int, in bytes: Span<UInt8>) -> Int? {
    member(of: object) { stringEquals($0, name, in: bytes) }
  }

  public func member(_ name: String, of object: Int, in bytes: Span<UInt8>) -> Int? {
    let wanted = Array(name.utf8)
    return member(of: object) { stringEquals($0, wanted, in: bytes) }
  }

  private func member(of object: Int, where isWanted: (Int) -> Bool) -> Int? {
    guard kind(object) == .object else { return nil }
    var key = object + 1
    for _ in 0..<childCount(object) {
      if isWanted(key) { return key + 1 }
      key = next(key + 1)
    }
    return nil
  }

  /// The text of a string, escapes read; nil for anything else.
  public func string(_ node: Int, in bytes: Span<UInt8>) -> String? {
    guard kind(node) == .string else { return nil }
    let inner = content(node, bytes)
    return hasEscapes(node) ? String(decoding: JSONString.unescaped(inner), as: UTF8.self) : inner.string()
  }

  public func stringEquals(_ node: Int, _ text: StaticString, in bytes: Span<UInt8>) -> Bool {
    guard kind(node) == .string else { return false }
    let inner = content(node, bytes)
    return hasEscapes(node) ? JSONString.unescaped(inner).span.equals(text) : inner.equals(text)
  }

  public func stringEquals(_ node: Int, _ text: [UInt8], in bytes: Span<UInt8>) -> Bool {
    guard kind(node) == .string else { return false }
    let inner = content(node, bytes)
    return hasEscapes(node) ? JSONString.unescaped(inner) == text : inner.equals(text.span)
  }

  /// An integer that was written as one: no fraction, no exponent, within 64 bits. Nil for anything else.
  public func integer(_ node: Int, in bytes: Span<UInt8>) -> Int? {
    kind(node) == .number ? Int(bytes.slice(range(node)).string()) : nil
  }

  /// A number; nil for anything else, and for one that a `Double` cannot hold.
  public func double(_ node: Int, in bytes: Span<UInt8>) -> Double? {
    guard kind(node) == .number, let value = Double(bytes.slice(range(node)).string()), value.isFinite else { return nil }
    return value
  }

  public func boolean(_ node: Int) -> Bool? {
    switch kind(node) {
    case .true: true
    case .false: false
    default: nil
    }
  }

  /// The bytes between the quotes.
  @_lifetime(copy bytes)
  func content(_ node: Int, _ bytes: Span<UInt8>) -> Span<UInt8> {
    bytes.extracting(Int(nodes[node].start) + 1..<Int(nodes[node].end) - 1)
  }
}

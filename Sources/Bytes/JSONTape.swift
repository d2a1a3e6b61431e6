/// A JSON text as a flat list of its values, over bytes that somebody else owns.
///
/// `parse` checks the whole text against RFC 8259 (and that no key stands twice, A30) and notes where each value begins and
/// ends. The tape keeps its capacity, so that reading one message after another allocates nothing once it is warm. Node 0 is
/// the root; in an object, keys and values alternate.
public struct JSONTape: Sendable {
  public enum Kind: UInt8, Sendable { case object, array, string, number, `true`, `false`, null }

  @usableFromInline struct Node: Sendable {
    @usableFromInline var start: UInt32
    /// One past the last byte.
    @usableFromInline var end: UInt32 = 0
    /// The node after this value and all that is in it.
    @usableFromInline var next: UInt32 = 0
    /// Members of an object, elements of an array; of a key its fingerprint; 0 for anything else.
    @usableFromInline var detail: UInt32 = 0
    @usableFromInline var kind: Kind
    /// A string that holds a backslash: its bytes are not its text.
    @usableFromInline var hasEscapes = false
    /// A string that has nothing but ASCII between its quotes, and no backslash.
    @usableFromInline var isPlain = false

    init(start: UInt32, kind: Kind) {
      self.start = start
      self.kind = kind
    }

    var range: ByteRange { ByteRange(start: Int(start), count: Int(end - start)) }
  }

  /// The values of the text, and behind them room that earlier, longer texts needed.
  @usableFromInline private(set) var nodes: [Node] = []
  @usableFromInline private(set) var count = 0

  public init() {}

  /// Reads a text. After an error the tape is empty.
  public mutating func parse(
    _ bytes: Span<UInt8>, limits: JSONLimits = JSONLimits(), dialect: JSONDialect = .strict
  ) throws(JSONSyntaxError) {
    count = 0
    // Places are 32 bits wide, and `ByteRange` has signs.
    guard bytes.count < Int(Int32.max) else { throw JSONSyntaxError(offset: 0, reason: .tooManyNodes) }
    guard !bytes.isEmpty else { throw JSONSyntaxError(offset: 0, reason: .empty) }
    if nodes.isEmpty { grow() }
    while true {
      let (error, needsRoom) = read(bytes, limits, dialect)
      guard needsRoom else {
        if let error { throw error }
        return
      }
      grow()
    }
  }

  private mutating func read(
    _ bytes: Span<UInt8>, _ limits: JSONLimits, _ dialect: JSONDialect
  ) -> (error: JSONSyntaxError?, needsRoom: Bool) {
    var (fault, needsRoom): (JSONSyntaxError?, Bool) = (nil, false)
    // Sound: the parser ends within both calls and keeps neither pointer.
    count = unsafe nodes.withUnsafeMutableBufferPointer { nodes in
      unsafe bytes.withUnsafeBufferPointer { bytes in
        var parser = unsafe JSONParser(bytes, into: nodes, limits, dialect)
        do throws(JSONSyntaxError) { try parser.document() } catch { fault = error }
        needsRoom = parser.needsRoom
        return fault == nil ? parser.nodeCount : 0
      }
    }
    return (fault, needsRoom)
  }

  /// Twice the room. Reading a text anew each time costs no more than reading it once more in all.
  private mutating func grow() {
    nodes.append(contentsOf: repeatElement(Node(start: 0, kind: .null), count: max(32, nodes.count)))
  }

  @inline(__always)
  func node(_ index: Int) -> Node {
    precondition(index < count)
    return nodes[index]
  }

  public var isEmpty: Bool { count == 0 }
  public func kind(_ node: Int) -> Kind { self.node(node).kind }
  /// The whole value, a string with its quotes.
  public func range(_ node: Int) -> ByteRange { self.node(node).range }
  /// Members of an object or elements of an array; 0 for anything else.
  public func childCount(_ node: Int) -> Int {
    let node = self.node(node)
    return node.kind == .object || node.kind == .array ? Int(node.detail) : 0
  }
  public func hasEscapes(_ node: Int) -> Bool { self.node(node).hasEscapes }
  /// The node after this one and all that is in it: the next sibling while there is one.
  public func next(_ node: Int) -> Int { Int(self.node(node).next) }
  /// The first key of an object or the first element of an array.
  public func firstChild(_ node: Int) -> Int? { childCount(node) > 0 ? node + 1 : nil }

  /// The value of a member; nil when there is none, or the node is no object.
  public func member(_ name: StaticString, of object: Int, in bytes: Span<UInt8>) -> Int? {
    member(of: object) { stringEquals($0, name, in: bytes) }
  }

  public func member(_ name: String, of object: Int, in bytes: Span<UInt8>) -> Int? {
    member(Array(name.utf8), of: object, in: bytes)
  }

  public func member(_ name: [UInt8], of object: Int, in bytes: Span<UInt8>) -> Int? {
    member(of: object) { stringEquals($0, name, in: bytes) }
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
    bytes.extracting(Int(self.node(node).start) + 1..<Int(self.node(node).end) - 1)
  }
}

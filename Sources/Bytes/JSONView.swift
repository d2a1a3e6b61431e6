/// A text and its tape, lent together: whoever walks over them touches no reference count and copies nothing.
public struct JSONView: ~Escapable {
  @usableFromInline let nodes: Span<JSONTape.Node>
  @usableFromInline let bytes: Span<UInt8>

  /// - Parameter tape: of these bytes.
  @inlinable
  @_lifetime(copy bytes, borrow tape)
  public init(_ bytes: Span<UInt8>, _ tape: borrowing JSONTape) {
    self.bytes = bytes
    nodes = tape.nodes.span.extracting(0..<tape.count)
  }

  /// Of a text that is no JSON: it has no nodes.
  @inlinable
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
    nodes = Span()
  }

  @inlinable @inline(__always) public func kind(_ node: Int) -> JSONTape.Kind { nodes[node].kind }
  /// Members of an object or elements of an array; not to be asked of anything else.
  @inlinable @inline(__always) public func childCount(_ node: Int) -> Int { Int(nodes[node].detail) }
  /// The node after this one and all that is in it: the next sibling while there is one.
  @inlinable @inline(__always) public func next(_ node: Int) -> Int { Int(nodes[node].next) }
  /// A string with a backslash: its content is not its text.
  @inlinable @inline(__always) public func hasEscapes(_ node: Int) -> Bool { nodes[node].hasEscapes }
  /// A string that has nothing but ASCII between its quotes, and no backslash.
  @inlinable @inline(__always) public func isPlain(_ node: Int) -> Bool { nodes[node].isPlain }
  /// Of the name that a key of an object has: names that differ in it are different.
  @inlinable @inline(__always) public func fingerprint(ofKey key: Int) -> UInt32 { nodes[key].detail }

  /// The whole value as it is written, a string with its quotes.
  @inlinable @inline(__always)
  @_lifetime(copy self)
  public func raw(_ node: Int) -> Span<UInt8> { bytes.extracting(Int(nodes[node].start)..<Int(nodes[node].end)) }

  /// Of a string, what stands between the quotes.
  @inlinable @inline(__always)
  @_lifetime(copy self)
  public func content(_ node: Int) -> Span<UInt8> { bytes.extracting(Int(nodes[node].start) + 1..<Int(nodes[node].end) - 1) }

  /// The text of a string, its escapes read: a copy, for what is rare.
  public func unescaped(_ node: Int) -> [UInt8] {
    hasEscapes(node) ? JSONString.unescaped(content(node)) : content(node).bytes()
  }

  /// True for a string of this text, a name or another short one.
  @inlinable @inline(__always)
  public func isText(_ node: Int, _ text: Span<UInt8>) -> Bool {
    hasEscapes(node) ? unescaped(node).span.equals(text) : content(node).equals(name: text)
  }

  /// The key of a member.
  ///
  /// - Parameters:
  ///   - fingerprint: of the name, from `JSONName`.
  ///   - start: where to begin; the search goes all round. Most texts keep to one order, so it is best where the last one ended.
  @inlinable
  public func key(_ name: Span<UInt8>, _ fingerprint: UInt32, of object: Int, from start: Int) -> Int? {
    let end = next(object)
    var key = start
    for _ in 0..<childCount(object) {
      if key == end { key = object + 1 }
      if self.fingerprint(ofKey: key) == fingerprint, isText(key, name) { return key }
      key = next(key + 1)
    }
    return nil
  }
}

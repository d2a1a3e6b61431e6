/// The name of a member, prepared so that it is told from most others by comparing one number.
public struct JSONName: Sendable, Equatable {
  public let text: String
  public let bytes: [UInt8]
  /// As `JSONTape.fingerprint(ofKey:)` gives it.
  public let fingerprint: UInt32

  public init(_ text: String) {
    self.text = text
    bytes = Array(text.utf8)
    fingerprint = JSONKey.fingerprint(bytes)
  }

  /// `"name":`, as it is written.
  public var key: [UInt8] {
    var writer = JSONWriter()
    writer.string(text)
    return writer.bytes + [0x3A]
  }
}

extension JSONTape {
  /// Of the name that a key of an object has: names that differ in it are different.
  @inline(__always)
  public func fingerprint(ofKey key: Int) -> UInt32 { node(key).detail }

  /// True when a key of an object, not a value, has this name.
  @inline(__always)
  public func isKey(_ key: Int, _ name: JSONName, in bytes: Span<UInt8>) -> Bool {
    node(key).detail == name.fingerprint && stringEquals(key, name.bytes, in: bytes)
  }

  /// The value of a member; nil when there is none, or this is no object.
  public func member(_ name: JSONName, of object: Int, in bytes: Span<UInt8>) -> Int? {
    guard kind(object) == .object else { return nil }
    var key = object + 1
    for _ in 0..<childCount(object) {
      if isKey(key, name, in: bytes) { return key + 1 }
      key = next(key + 1)
    }
    return nil
  }

  /// The value that a path of names leads to; the root for an empty one.
  public func value(at path: [JSONName], in bytes: Span<UInt8>) -> Int? {
    var node = 0
    for name in path {
      guard let next = member(name, of: node, in: bytes) else { return nil }
      node = next
    }
    return node
  }

  /// Gives the text of a string, escapes read, for the length of a call; nil for anything else.
  public func withText<Result>(_ node: Int, in bytes: Span<UInt8>, _ body: (Span<UInt8>) -> Result) -> Result? {
    guard kind(node) == .string else { return nil }
    let inner = content(node, bytes)
    guard hasEscapes(node) else { return body(inner) }
    return body(JSONString.unescaped(inner).span)
  }
}

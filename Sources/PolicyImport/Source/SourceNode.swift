import Bytes

/// One value of an OpenAPI document, whichever way it was written, with the place where it stands.
public final class SourceNode: Sendable {
  /// One member of an object.
  public struct Member: Sendable {
    public let name: String
    public let value: SourceNode
  }

  public enum Content: Sendable {
    /// In the order of the document; no name stands twice.
    case object([Member])
    case array([SourceNode])
    case string(String)
    /// As JSON writes it, and as the document wrote it.
    case number(json: String, written: String)
    case boolean(Bool)
    case null
  }

  /// Where the value stands: counted only when an error wants it.
  enum Origin: Sendable {
    case json(JSONValue)
    /// Both from 1.
    case mark(file: String, line: Int, column: Int)
  }

  public let content: Content
  let origin: Origin
  /// Values in it, itself among them; an alias counts in full.
  let weight: Int

  init(_ content: Content, _ origin: Origin) {
    self.content = content
    self.origin = origin
    switch content {
    case .object(let members): weight = members.reduce(1) { $0 + $1.value.weight }
    case .array(let elements): weight = elements.reduce(1) { $0 + $1.weight }
    default: weight = 1
    }
  }

  public subscript(_ name: String) -> SourceNode? { members.first { $0.name == name }?.value }

  /// Empty when it is no object.
  public var members: [Member] {
    guard case .object(let members) = content else { return [] }
    return members
  }

  /// Nil when it is no array.
  public var elements: [SourceNode]? {
    guard case .array(let elements) = content else { return nil }
    return elements
  }

  public var string: String? {
    guard case .string(let text) = content else { return nil }
    return text
  }

  /// A string, or a number or truth value as it was written: `version: 1.0` means the text.
  public var text: String? {
    switch content {
    case .string(let text): text
    case .number(_, let written): written
    case .boolean(let value): value ? "true" : "false"
    default: nil
    }
  }

  public var boolean: Bool? {
    guard case .boolean(let value) = content else { return nil }
    return value
  }

  /// As JSON writes it.
  public var number: String? {
    guard case .number(let json, _) = content else { return nil }
    return json
  }

  public var integer: Int? { number.flatMap { Int($0) } }
  public var isObject: Bool { if case .object = content { true } else { false } }

  /// The strings of an array; elements that are none are left out.
  public var strings: [String] { (elements ?? []).compactMap(\.text) }

  public var file: String {
    switch origin {
    case .json(let value): value.file
    case .mark(let file, _, _): file
    }
  }

  /// From 1.
  public var line: Int {
    switch origin {
    case .json(let value): value.position().line
    case .mark(_, let line, _): line
    }
  }

  /// An error at the place of this value.
  public func error(_ reason: String) -> DocumentError {
    switch origin {
    case .json(let value): value.error(reason)
    case .mark(let file, let line, let column): DocumentError(file: file, line: line, column: column, reason: reason)
    }
  }
}

import Bytes
import Identifiers

/// The scopes that a subscription needs for each type of event that it asks for (event guide, section 4.1): an array of the body
/// names the types, and the name of a scope holds the type.
public struct EventScopes: Sendable {
  private let path: [JSONName]
  /// By type, from the operation's own scopes.
  private let scopes: [(type: [UInt8], scope: Scope)]

  /// Reads `{"at": "types", "scope": "api:{type}:create"}`.
  ///
  /// - Parameter alternatives: the operation's scopes, of which those that fit the template are those of its events.
  init(_ value: JSONValue, among alternatives: [[Scope]]) throws(DocumentError) {
    var reader = try ObjectReader(value)
    path = try BodyPath.read(reader.required("at")).map { JSONName($0) }
    let template = try reader.required("scope")
    try reader.finish()
    let parts = (template.string ?? "").split(separator: "{type}", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !path.isEmpty else { throw template.error("scope wants a scope with {type} in it, at a path") }
    scopes = ScopeSet(alternatives.flatMap { $0 }).compactMap { scope -> (type: [UInt8], scope: Scope)? in
      let name = scope.rawValue
      guard name.hasPrefix(parts[0]), name.hasSuffix(parts[1]), name.utf8.count > parts[0].utf8.count + parts[1].utf8.count
      else { return nil }
      return (Array(name.dropFirst(parts[0].count).dropLast(parts[1].count).utf8), scope)
    }
    guard !scopes.isEmpty else { throw template.error("no scope of the operation is of this form") }
  }

  /// Where the types stand in a body.
  public var typesPath: [JSONName] { path }

  func scope(of type: String) -> Scope? {
    let bytes = Array(type.utf8)
    return scopes.first { $0.type == bytes }?.scope
  }

  /// The scopes that a body needs; nil when it asks for a type that has none, or for none at all: what nothing is needed for would be
  /// everybody's.
  public func needed(_ bytes: Span<UInt8>, tape: JSONTape) -> [Scope]? {
    guard let array = tape.value(at: path, in: bytes), tape.kind(array) == .array, tape.childCount(array) > 0 else { return nil }
    var needed: [Scope] = []
    var element = array + 1
    for _ in 0..<tape.childCount(array) {
      guard let scope = scopes.first(where: { tape.stringEquals(element, $0.type, in: bytes) })?.scope else { return nil }
      if !needed.contains(scope) { needed.append(scope) }
      element = tape.next(element)
    }
    return needed
  }
}

/// Names separated by dots, from the root of a body or an answer.
enum BodyPath {
  static func read(_ value: JSONValue) throws(DocumentError) -> [String] {
    guard let text = value.string, let path = parse(text) else { throw value.error("at wants names separated by dots") }
    return path
  }

  /// Nil for a name that JSON would have to escape, and for more than 8 of them.
  static func parse(_ text: String) -> [String]? {
    let path = text.isEmpty ? [] : text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    return path.count <= 8 && path.allSatisfy(isPlainName) ? path : nil
  }

  /// Letters, digits, `_` and `-`.
  private static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy {
        ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A) || $0 == 0x5F || $0 == 0x2D
      }
  }
}

/// One scope token (RFC 6749 §3.3): visible ASCII without `"` and `\`, at most 256 bytes.
public struct Scope: StringIdentifier {
  public let rawValue: String

  fileprivate static let bytesMaximum = 256

  public init?(rawValue: String) {
    let bytes = rawValue.utf8
    guard (1...Self.bytesMaximum).contains(bytes.count), bytes.allSatisfy(Self.isScopeByte) else { return nil }
    self.rawValue = rawValue
  }

  /// - Precondition: a scope token.
  fileprivate init(checked rawValue: String) { self.rawValue = rawValue }

  fileprivate static func isScopeByte(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C }

  /// `openid`, which asks for an ID token (OIDC Core §3.1.2.1).
  public static let openID = Scope(rawValue: "openid")!
  /// `offline_access`, which asks for a refresh token (OIDC Core §11).
  public static let offlineAccess = Scope(rawValue: "offline_access")!

  /// True for a purpose, known or not: the profile recognises it by its prefix (CAMARA profile, item 57).
  public var isPurpose: Bool { rawValue.hasPrefix("dpv:") }
}

/// The scopes of a request or a token: no scope twice, in the order in which they were asked for.
public struct ScopeSet: Hashable, Sendable, CustomStringConvertible, ExpressibleByArrayLiteral, Sequence {
  public private(set) var elements: [Scope]

  public init(_ scopes: some Sequence<Scope> = []) {
    elements = []
    for scope in scopes where !elements.contains(scope) { elements.append(scope) }
  }

  public init(arrayLiteral elements: Scope...) { self.init(elements) }

  /// Reads a space-separated list (RFC 6749 §3.3). Nil when a scope is malformed, when there are two spaces in a row or one
  /// at an end, or when there are more than `countMaximum`. The empty text is the empty set.
  public init?(parsing text: String, countMaximum: Int = 128) {
    guard !text.isEmpty else { self.init(); return }
    var text = text
    guard let scopes = text.withUTF8({ unsafe Self.scopes($0, countMaximum) }) else { return nil }
    self.init(scopes)
  }

  /// By bytes: a token that was never seen brings a list of scopes, and characters cost ten times as much.
  private static func scopes(_ bytes: UnsafeBufferPointer<UInt8>, _ countMaximum: Int) -> [Scope]? {
    var (scopes, start): ([Scope], Int) = ([], 0)
    for index in 0...bytes.count {
      if unsafe index < bytes.count && Scope.isScopeByte(bytes[index]) { continue }
      // Sound: the part lies within the bytes, and the text made from it is a copy.
      guard unsafe index == bytes.count || bytes[index] == 0x20, (1...Scope.bytesMaximum).contains(index - start),
        scopes.count < countMaximum
      else { return nil }
      scopes.append(
        Scope(checked: unsafe String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<index]), as: UTF8.self)))
      start = index + 1
    }
    return scopes
  }

  public var description: String { elements.map(\.rawValue).joined(separator: " ") }
  public var isEmpty: Bool { elements.isEmpty }
  public var count: Int { elements.count }
  public func contains(_ scope: Scope) -> Bool { elements.contains(scope) }
  public func isSubset(of other: ScopeSet) -> Bool { elements.allSatisfy(other.contains) }
  public func union(_ other: ScopeSet) -> ScopeSet { ScopeSet(elements + other.elements) }
  public func subtracting(_ other: ScopeSet) -> ScopeSet { ScopeSet(elements.filter { !other.contains($0) }) }
  public func intersection(_ other: ScopeSet) -> ScopeSet { ScopeSet(elements.filter(other.contains)) }
  public func makeIterator() -> IndexingIterator<[Scope]> { elements.makeIterator() }

  /// The purposes among them; a 3-legged request has exactly one (CAMARA profile, item 57).
  public var purposes: [Scope] { elements.filter(\.isPurpose) }
  /// What is neither a purpose nor OpenID Connect's own: the scopes of APIs.
  public var apiScopes: ScopeSet {
    ScopeSet(elements.filter { !$0.isPurpose && $0 != .openID && $0 != .offlineAccess })
  }
}

/// A purpose of W3C's Data Privacy Vocabulary in CAMARA's form `dpv:<value>`, pattern `^dpv:[a-zA-Z0-9]+$`.
///
/// That the value is one that the vocabulary knows is for the catalogue to say (`Policy`).
public struct Purpose: StringIdentifier {
  public let rawValue: String

  public init?(rawValue: String) {
    let bytes = rawValue.utf8
    guard rawValue.hasPrefix("dpv:"), bytes.count > 4, bytes.count <= 128,
      bytes.dropFirst(4).allSatisfy({
        ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A)
      })
    else { return nil }
    self.rawValue = rawValue
  }

  public init?(_ scope: Scope) { self.init(rawValue: scope.rawValue) }

  /// The term of the vocabulary, without the prefix: `FraudPreventionAndDetection`.
  public var term: String { String(rawValue.dropFirst(4)) }
  public var scope: Scope { Scope(rawValue: rawValue)! }
}

/// The field's own identifiers, each a type of its own so that one cannot be taken for another.
///
/// A subscriber's number (`MSISDN`) never prints in the clear; a `Scope` and a `Purpose` exist only when their syntax is
/// right; everything that is written to ledger or log about a person goes by `SubjectPseudonym`.
///
/// Begin with `MSISDN.swift` (who a call is about), then `Scope.swift` (what a token may do), then `Names.swift`
/// (clients, APIs, operations, categories, grants, consents).

/// An identifier that is a checked string.
public protocol StringIdentifier: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible, Codable
where RawValue == String {
  /// The identifier, or nil when the text breaks the syntax of its kind.
  init?(rawValue: String)
}

extension StringIdentifier {
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  public var description: String { rawValue }
}

/// True when the text has between 1 and `countMaximum` bytes and all of them are visible ASCII (0x21 to 0x7E).
func isVisibleASCII(_ text: String, countMaximum: Int) -> Bool {
  let bytes = text.utf8
  return !bytes.isEmpty && bytes.count <= countMaximum && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F }
}

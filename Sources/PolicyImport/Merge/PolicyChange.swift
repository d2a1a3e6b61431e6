import Bytes

/// One difference between a policy as it stands and a new draft of it, and what became of it.
public struct PolicyChange: Equatable, Sendable {
  public enum Kind: String, Sendable {
    case added, removed, changed
    /// The document says otherwise now, but a person had edited it: it stays as it is.
    case kept
  }

  public let kind: Kind
  /// Names from the root of the file.
  public let path: [String]
  /// In the file before.
  public let was: PolicyTree?
  /// In the new draft.
  public let draft: PolicyTree?

  /// `operations.retrieve.response.fields.imei`
  public var place: String { path.map { DocumentError.printable($0, maximum: 96) }.joined(separator: ".") }

  /// One line for people.
  public var line: String {
    func text(_ tree: PolicyTree?) -> String {
      guard let tree else { return "nothing" }
      let whole = PolicyText.inline(tree) ?? "…"
      return DocumentError.printable(whole.count > 100 ? String(whole.prefix(99)) + "…" : whole, maximum: 400)
    }
    switch kind {
    case .added: return "+ \(place): \(text(draft))"
    case .removed: return "- \(place): \(text(was))"
    case .changed: return "~ \(place): \(text(was)) becomes \(text(draft))"
    case .kept: return "= \(place): \(text(was)) is kept; the document now gives \(text(draft))"
    }
  }
}

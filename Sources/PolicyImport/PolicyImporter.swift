import Bytes
import Policy

/// Makes the policy of an API from its OpenAPI 3.0 document, or brings what changed in the document into the policy that is there.
public struct PolicyImporter {
  /// What an import leads to. Nothing is written by it.
  public struct Outcome: Sendable {
    public let api: String
    public let version: String
    /// Differences from the policy that was there; empty for a new one.
    public let changes: [PolicyChange]
    /// What was not taken as the document says it.
    public let notes: [DraftNotes.Note]
    /// Places that a person has to look at before they count, in the new text.
    public let unreviewed: [String]
    /// The policy's new text.
    public let text: [UInt8]
    /// The draft, to be kept until the next import.
    public let record: [UInt8]
  }

  public let api: String
  public let version: String
  public let basePath: String
  /// Where a new policy is proposed to stand.
  public let fileName: String
  private let draft: PolicyTree
  private let notes: [DraftNotes.Note]
  private let title: String

  /// Reads a document and drafts its policy.
  ///
  /// - Parameters:
  ///   - document: the file. Others are read only when it names them and they lie beside it.
  ///   - categories: `categories.json` of the folder that the policy is meant for; its `fields` are what is proposed.
  /// - Throws: `DocumentError` with file and line.
  public init(document: String, categories: (bytes: [UInt8], file: String)) throws(DocumentError) {
    let notes = DraftNotes()
    let library = try SourceLibrary(document)
    let flattener = SchemaFlattener(library: library, notes: notes)
    let facts = try DocumentReader(library: library, flattener: flattener, notes: notes).document()
    let proposals = FieldProposals(categories: try Self.fieldNames(categories))
    let policy = PolicyDraft(document: facts, proposals: proposals, notes: notes)
    draft = policy.tree()
    (api, version, basePath, fileName) = (policy.api, facts.version, facts.basePath, policy.fileName)
    title = facts.title
    self.notes = notes.notes
  }

  /// Names of fields to the category that has them in `fields`.
  private static func fieldNames(_ categories: (bytes: [UInt8], file: String)) throws(DocumentError) -> [String: String] {
    var names: [String: String] = [:]
    for member in try JSONDocument(categories.bytes, file: categories.file, dialect: .commented).root.keys {
      for field in member.value["fields"]?.array ?? [] { if let name = field.string { names[name] = member.name } }
    }
    return names
  }

  /// The policy that comes of it.
  ///
  /// - Parameters:
  ///   - present: the policy of this base path that is there.
  ///   - record: the draft of the import before; nil when there is none.
  /// - Throws: `DocumentError` when what is there is no JSON.
  public func outcome(present: (bytes: [UInt8], file: String)?, record: (bytes: [UInt8], file: String)?) throws(DocumentError)
    -> Outcome
  {
    let record = try record.map { value throws(DocumentError) in try PolicyFileText(value.bytes, file: value.file).tree }
    guard let present else { return outcome(draft, head: head(), changes: [], text: nil) }
    let file = try PolicyFileText(present.bytes, file: present.file)
    let (tree, changes) = PolicyMerge.merge(record: record, mine: file.tree, draft: draft)
    // A file in which nothing changes keeps its every byte.
    return outcome(tree, head: file.head, changes: changes, text: tree == file.tree ? present.bytes : nil)
  }

  private func outcome(_ tree: PolicyTree, head: [String], changes: [PolicyChange], text: [UInt8]?) -> Outcome {
    Outcome(
      api: api, version: version, changes: changes, notes: notes, unreviewed: Self.marks(tree, []),
      text: text ?? PolicyText.write(tree, head: head), record: draft.strictJSON + [0x0A])
  }

  private func head() -> [String] {
    let (name, version) = (SourceLibrary.plain(title), SourceLibrary.plain(version))
    var lines = [
      "// \(name) \(version), drafted from its OpenAPI document. An operation that says \"review\" is not served and a field that does",
      "// does not leave, until a person has looked at it and taken the mark away.",
    ]
    if !notes.isEmpty { lines.append("// Not as the document has it:") }
    lines += notes.map { "// - line \($0.line): \($0.text)" }
    return lines
  }

  /// Where `"review": true` stands.
  private static func marks(_ tree: PolicyTree, _ path: [String]) -> [String] {
    let place = path.map { DocumentError.printable($0, maximum: 96) }.joined(separator: ".")
    let own = tree["review"] == .boolean(true) ? [place] : []
    return own
      + tree.members.flatMap { entry in
        UnreviewedPlace.isWithout(entry.name, at: path) ? [] : marks(entry.value!, path + [entry.name])
      }
  }
}

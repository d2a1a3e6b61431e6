import Bytes

/// What the importer did not take as the document says it, with the place, for a person to read.
public final class DraftNotes {
  public struct Note: Sendable, Hashable {
    public let file: String
    /// From 1.
    public let line: Int
    public let text: String
  }

  public private(set) var notes: [Note] = []
  private var seen: Set<Note> = []
  /// Lines are counted from the beginning of the document: not twice for the same value.
  private var told: [ObjectIdentifier: (node: SourceNode, texts: Set<String>)] = [:]

  /// What nobody would read to its end is not told to its end.
  private static let countMaximum = 500

  init() {}

  /// The same note at the same place is kept once; beyond 500 no more are.
  ///
  /// - Parameter text: may hold names of the document: what a terminal would obey, or what would end the comment that a note becomes, is
  ///   not in what is kept.
  func add(_ node: SourceNode, _ text: String) {
    let text = DocumentError.printable(text, maximum: 1024)
    guard notes.count < Self.countMaximum, told[ObjectIdentifier(node), default: (node, [])].texts.insert(text).inserted else {
      return
    }
    let note = Note(file: node.file, line: node.line, text: text)
    if seen.insert(note).inserted { notes.append(note) }
  }
}

import Bytes

/// A policy file as a person left it.
struct PolicyFileText {
  var tree: PolicyTree
  /// Comments before the first brace.
  var head: [String]

  /// - Throws: `DocumentError` where it is no JSON with comments.
  init(_ bytes: [UInt8], file: String) throws(DocumentError) {
    let root = try JSONDocument(bytes, file: file, dialect: .commented).root
    let reader = CommentReader(bytes: bytes)
    tree = reader.tree(root)
    head = reader.comments(0..<root.byteRange.lowerBound).flatMap { [$0.text] }
  }
}

/// Finds the comments between values, whose places the parser knows.
private struct CommentReader {
  let bytes: [UInt8]

  struct Comment {
    var text: String
    /// It begins on the line on which the value before it ends.
    var isBehind: Bool
  }

  func tree(_ value: JSONValue) -> PolicyTree {
    switch value.kind {
    case .object:
      return .object(entries(value, value.keys.map { ($0.name, $0.keyRange.lowerBound, $0.value) }))
    case .array: return .array(entries(value, (value.array ?? []).map { ("", $0.byteRange.lowerBound, $0) }))
    case .string: return .string(value.string ?? "")
    case .number: return .number(String(decoding: value.raw, as: UTF8.self))
    case .true: return .boolean(true)
    case .false: return .boolean(false)
    case .null: return .null
    }
  }

  private func entries(_ value: JSONValue, _ children: [(name: String, start: Int, value: JSONValue)]) -> [PolicyTree.Entry] {
    var entries: [PolicyTree.Entry] = []
    var end = value.byteRange.lowerBound + 1
    for child in children {
      take(comments(end..<child.start), into: &entries, for: PolicyTree.Entry(child.name, tree(child.value)))
      end = child.value.byteRange.upperBound
    }
    let rest = comments(end..<(value.byteRange.upperBound - 1))
    if !rest.isEmpty { take(rest, into: &entries, for: PolicyTree.Entry("", nil)) }
    return entries
  }

  private func take(_ comments: [Comment], into entries: inout [PolicyTree.Entry], for entry: PolicyTree.Entry) {
    var (entry, comments) = (entry, comments[...])
    if let first = comments.first, first.isBehind, first.text.hasPrefix("//"), !entries.isEmpty {
      entries[entries.count - 1].remark = first.text
      comments = comments.dropFirst()
    }
    entry.comments = comments.map(\.text)
    if entry.value != nil || !entry.comments.isEmpty { entries.append(entry) }
  }

  /// Between values there is nothing but blanks, commas, colons and comments.
  func comments(_ range: Range<Int>) -> [Comment] {
    var found: [Comment] = []
    var index = range.lowerBound
    var isBehind = range.lowerBound > 0
    while index + 1 < range.upperBound {
      if bytes[index] == 0x0A { isBehind = false }
      guard bytes[index] == 0x2F else { index += 1; continue }
      let isLine = bytes[index + 1] == 0x2F
      var end = index + 2
      while end < range.upperBound,
        isLine ? bytes[end] != 0x0A : !(bytes[end - 1] == 0x2F && bytes[end - 2] == 0x2A && end > index + 3)
      {
        end += 1
      }
      let text = String(decoding: bytes[index..<end], as: UTF8.self)
      found.append(Comment(text: String(text.reversed().drop { $0.isWhitespace }.reversed()), isBehind: isBehind))
      index = end
    }
    return found
  }
}

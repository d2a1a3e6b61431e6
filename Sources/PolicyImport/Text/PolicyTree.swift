import Bytes

/// The text of a policy file: JSON with the comments of whoever wrote it.
public indirect enum PolicyTree: Equatable, Sendable {
  case object([Entry])
  case array([Entry])
  case string(String)
  /// As JSON writes it.
  case number(String)
  case boolean(Bool)
  case null

  /// A member of an object, or an element of an array.
  public struct Entry: Sendable {
    /// Empty in an array.
    public var name: String
    /// Nil for comments behind which nothing stands.
    public var value: PolicyTree?
    /// Whole comments, with their signs, that stand before it.
    public var comments: [String] = []
    /// The comment behind it on the same line.
    public var remark: String?

    public init(_ name: String, _ value: PolicyTree?, comments: [String] = []) {
      self.name = name
      self.value = value
      self.comments = comments
    }
  }

  /// Comments do not count, nor does the order of members.
  public static func == (a: PolicyTree, b: PolicyTree) -> Bool {
    switch (a, b) {
    case (.object, .object):
      let (mine, theirs) = (a.members, b.members)
      return mine.count == theirs.count && mine.allSatisfy { entry in b[entry.name] == entry.value }
    case (.array(let mine), .array(let theirs)): return mine.compactMap(\.value) == theirs.compactMap(\.value)
    case (.string(let mine), .string(let theirs)): return mine == theirs
    case (.number(let mine), .number(let theirs)): return mine == theirs || Double(mine) == Double(theirs)
    case (.boolean(let mine), .boolean(let theirs)): return mine == theirs
    case (.null, .null): return true
    default: return false
    }
  }

  /// Those of an object that have a value; empty when it is none.
  public var members: [Entry] {
    guard case .object(let entries) = self else { return [] }
    return entries.filter { $0.value != nil }
  }

  /// The elements; empty when it is no array.
  public var elements: [PolicyTree] {
    guard case .array(let entries) = self else { return [] }
    return entries.compactMap(\.value)
  }

  public var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  public var isObject: Bool { if case .object = self { true } else { false } }

  /// A member of an object. Setting nil takes it away; a new one comes last.
  public subscript(_ name: String) -> PolicyTree? {
    get {
      guard case .object(let entries) = self else { return nil }
      return entries.first { $0.value != nil && $0.name == name }?.value
    }
    set {
      guard case .object(var entries) = self else { return }
      if let index = entries.firstIndex(where: { $0.value != nil && $0.name == name }) {
        if let newValue { entries[index].value = newValue } else { entries.remove(at: index) }
      } else if let newValue {
        entries.append(Entry(name, newValue))
      }
      self = .object(entries)
    }
  }

  // MARK: Making

  public static func list(_ texts: [String]) -> PolicyTree { .array(texts.map { Entry("", .string($0)) }) }
  public static func list(_ values: [PolicyTree]) -> PolicyTree { .array(values.map { Entry("", $0) }) }

  /// Members without a value are left out.
  static func members(_ pairs: KeyValuePairs<String, PolicyTree?>) -> PolicyTree {
    .object(pairs.compactMap { name, value in value.map { Entry(name, $0) } })
  }
}

extension PolicyTree {
  /// Without comments.
  public var strictJSON: [UInt8] {
    var writer = JSONWriter()
    write(to: &writer)
    return writer.bytes
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .object:
      writer.beginObject()
      for entry in members {
        writer.key(entry.name)
        entry.value!.write(to: &writer)
      }
      writer.endObject()
    case .array:
      writer.beginArray()
      for value in elements { value.write(to: &writer) }
      writer.endArray()
    case .string(let text): writer.string(text)
    case .number(let text): writer.raw(Array(text.utf8))
    case .boolean(let value): writer.boolean(value)
    case .null: writer.null()
    }
  }
}

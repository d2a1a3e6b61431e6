/// What is wrong with a document, and where: `file:line:column: reason`.
public struct DocumentError: Error, CustomStringConvertible, Equatable {
  public let file: String
  /// From 1.
  public let line: Int
  /// From 1, in bytes.
  public let column: Int
  /// Never holds a value of the document, and of its names what may be shown (`printable`).
  public let reason: String

  private static let reasonMaximum = 4096

  public init(file: String, line: Int, column: Int, reason: String) {
    self.file = file
    self.line = line
    self.column = column
    self.reason = Self.printable(reason, maximum: Self.reasonMaximum)
  }

  /// Of a text that a document holds, what may be shown to a person: nothing that a terminal would obey, nothing that ends a line or
  /// turns its direction, so that what is read is what is there, and not all of a long one.
  public static func printable(_ text: String, maximum: Int) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(maximum) { shown.append(isObeyed(scalar.value) ? "?" : scalar) }
    return String(shown)
  }

  /// Controls (C0, DEL, C1), separators of lines and paragraphs, and what Unicode's annex 9 (2.1 to 2.6) has for directions.
  private static func isObeyed(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }

  public var description: String { file.isEmpty ? "\(line):\(column): \(reason)" : "\(file):\(line):\(column): \(reason)" }
}

/// A JSON text that owns its bytes and knows where things stand; for the control plane.
public struct JSONDocument: Sendable {
  final class Storage: Sendable {
    let bytes: [UInt8]
    let tape: JSONTape
    let file: String

    init(bytes: [UInt8], tape: JSONTape, file: String) {
      self.bytes = bytes
      self.tape = tape
      self.file = file
    }

    func error(at offset: Int, _ reason: String) -> DocumentError {
      JSONDocument.error(bytes, file, offset, reason)
    }
  }

  let storage: Storage

  /// - Parameter file: named in errors.
  /// - Throws: `DocumentError` with the place of the first fault.
  public init(
    _ bytes: [UInt8], file: String = "", dialect: JSONDialect = .strict, limits: JSONLimits = JSONLimits()
  ) throws(DocumentError) {
    var tape = JSONTape()
    do throws(JSONSyntaxError) { try tape.parse(bytes.span, limits: limits, dialect: dialect) } catch {
      throw Self.error(bytes, file, error.offset, "not JSON: \(error.reason)")
    }
    storage = Storage(bytes: bytes, tape: tape, file: file)
  }

  public var file: String { storage.file }
  public var root: JSONValue { JSONValue(storage: storage, node: 0) }

  private static func error(_ bytes: [UInt8], _ file: String, _ offset: Int, _ reason: String) -> DocumentError {
    let place = place(bytes, offset)
    return DocumentError(file: file, line: place.line, column: place.column, reason: reason)
  }

  static func place(_ bytes: [UInt8], _ offset: Int) -> (line: Int, column: Int) {
    let before = bytes[..<min(offset, bytes.count)]
    let line = before.count { $0 == 0x0A } + 1
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    return (line, before.count - lineStart + 1)
  }
}

/// One value of a document: a light reference that keeps the document alive.
public struct JSONValue: Sendable {
  let storage: JSONDocument.Storage
  let node: Int

  public var kind: JSONTape.Kind { storage.tape.kind(node) }
  public var string: String? { read { $0.string(node, in: $1) } }
  /// An integer that was written as one; nil for `1.0`.
  public var integer: Int? { read { $0.integer(node, in: $1) } }
  public var double: Double? { read { $0.double(node, in: $1) } }
  public var boolean: Bool? { storage.tape.boolean(node) }
  public var isNull: Bool { kind == .null }

  /// The elements; nil when it is no array.
  public var array: [JSONValue]? {
    guard kind == .array else { return nil }
    var (values, child): ([JSONValue], Int) = ([], node + 1)
    for _ in 0..<storage.tape.childCount(node) {
      values.append(JSONValue(storage: storage, node: child))
      child = storage.tape.next(child)
    }
    return values
  }

  /// The value of a member; nil when there is none, or this is no object.
  public subscript(_ key: String) -> JSONValue? {
    read { $0.member(key, of: node, in: $1) }.map { JSONValue(storage: storage, node: $0) }
  }

  private func read<Result>(_ body: (JSONTape, Span<UInt8>) -> Result) -> Result {
    let bytes = storage.bytes
    return body(storage.tape, bytes.span)
  }

  /// One member of an object.
  public struct Member: Sendable {
    public let name: String
    public let value: JSONValue
    let key: JSONValue
    /// Where the name stands in the text, its quotes with it.
    public var keyRange: Range<Int> { key.byteRange }
    /// An error at the place of the name.
    public func error(_ reason: String) -> DocumentError { key.error(reason) }
  }

  /// The members in their order; empty when it is no object.
  public var keys: [Member] {
    guard kind == .object else { return [] }
    var (members, key): ([Member], Int) = ([], node + 1)
    for _ in 0..<storage.tape.childCount(node) {
      let name = JSONValue(storage: storage, node: key)
      members.append(Member(name: name.string ?? "", value: JSONValue(storage: storage, node: key + 1), key: name))
      key = storage.tape.next(key + 1)
    }
    return members
  }

  /// The name of the document's file.
  public var file: String { storage.file }

  /// Where it stands in the text.
  public var byteRange: Range<Int> {
    let range = storage.tape.range(node)
    return range.lower..<range.upper
  }

  /// The bytes as they were written.
  public var raw: [UInt8] {
    let range = storage.tape.range(node)
    return Array(storage.bytes[range.lower..<range.upper])
  }

  /// The value as strict JSON, without the comments and trailing commas of its dialect; numbers keep their bytes.
  public func strictJSON() -> [UInt8] {
    var writer = JSONWriter()
    write(to: &writer)
    return writer.bytes
  }

  private func write(to writer: inout JSONWriter) {
    switch kind {
    case .object:
      writer.beginObject()
      for member in keys {
        writer.key(member.name)
        member.value.write(to: &writer)
      }
      writer.endObject()
    case .array:
      writer.beginArray()
      for value in array ?? [] { value.write(to: &writer) }
      writer.endArray()
    case .string: writer.string(string ?? "")
    case .number, .true, .false, .null: writer.raw(raw)
    }
  }

  /// From 1.
  public func position() -> (line: Int, column: Int) {
    JSONDocument.place(storage.bytes, storage.tape.range(node).lower)
  }

  /// An error at the place of this value.
  public func error(_ reason: String) -> DocumentError { storage.error(at: storage.tape.range(node).lower, reason) }
}

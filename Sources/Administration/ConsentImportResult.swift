import Bytes

/// What an import of consents came to: of one request, and of all that a command sent.
public struct ConsentImportResult: Sendable {
  public var added = 0
  /// Here already, as they stand in the file.
  public var known = 0
  public var refused: [(line: Int, reason: String)] = []

  public init() {}

  /// Adds what an answer of the admin API says.
  public mutating func add(_ answer: JSONValue) {
    added += answer["added"]?.integer ?? 0
    known += answer["known"]?.integer ?? 0
    for refusal in answer["refused"]?.array ?? [] {
      refused.append((refusal["line"]?.integer ?? 0, refusal["reason"]?.string ?? ""))
    }
  }

  /// `{"added", "known", "refused": [{"line", "reason"}]}`, refusals by line.
  public func json() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("added", added)
    writer.field("known", known)
    writer.key("refused")
    writer.beginArray()
    for (line, reason) in refused.sorted(by: { $0.line < $1.line }) {
      writer.beginObject()
      writer.field("line", line)
      writer.field("reason", reason)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }
}

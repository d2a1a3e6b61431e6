import Foundation
import ReferenceReaders

@testable import Bytes

/// JSON in both dialects, beside a plain reader of the grammar and beside Foundation's.
enum JSONChecks {
  static func check(_ bytes: [UInt8]) throws {
    let reference = ReferenceJSON.parse(bytes)
    let document: JSONDocument
    do throws(DocumentError) {
      document = try JSONDocument(bytes)
    } catch {
      try hold(reference == nil, "refused although it is JSON: \(error)")
      try checkPlace(error, bytes)
      return
    }
    guard let reference else { throw Broken(description: "taken although it is not JSON") }
    try hold(ReferenceJSON(document.root) == reference, "read as something else")
    try checkNodes(document.root, 0..<bytes.count)
    try checkWritten(document.root, reference)
    try checkFoundation(bytes)
    // Every strict text is one of the wider dialect, and the same there.
    try hold(
      ReferenceJSON(JSONDocument(bytes, dialect: .commented).root) == reference, "another thing in the dialect with comments")
  }

  static func checkCommented(_ bytes: [UInt8]) throws {
    let document: JSONDocument
    do throws(DocumentError) {
      document = try JSONDocument(bytes, dialect: .commented)
    } catch {
      try hold(ReferenceJSON.parse(bytes) == nil, "refused although it is JSON: \(error)")
      return try checkPlace(error, bytes)
    }
    try checkNodes(document.root, 0..<bytes.count)
    let written = document.root.strictJSON()
    guard let reference = ReferenceJSON.parse(written) else { throw Broken(description: "written as something that is not JSON") }
    try hold(ReferenceJSON(document.root) == reference, "written as something else")
    try checkWritten(document.root, reference)
  }

  /// Error messages name a place that is there.
  static func checkPlace(_ error: DocumentError, _ bytes: [UInt8]) throws(Broken) {
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    try hold((1...max(1, lines.count)).contains(error.line), "a fault in a line that is not there: \(error)")
    let length = lines.isEmpty ? 0 : lines[error.line - 1].count
    try hold((1...length + 1).contains(error.column), "a fault in a column that is not there: \(error)")
  }

  /// Values lie within each other, and each is what stands at its place.
  private static func checkNodes(_ value: JSONValue, _ around: Range<Int>) throws(Broken) {
    let range = value.storage.tape.range(value.node)
    try hold(
      range.lower >= around.lowerBound && range.upper <= around.upperBound && range.count > 0, "a value beyond what it lies in")
    for element in value.array ?? [] { try checkNodes(element, range.lower..<range.upper) }
    for member in value.keys {
      try checkNodes(member.value, range.lower..<range.upper)
      try hold(value[member.name]?.node == member.value.node, "a member is not found by its name")
    }
    guard value.kind == .number else { return }
    let text = String(decoding: value.raw, as: UTF8.self)
    try hold(value.integer == (text.allSatisfy { $0.isNumber || $0 == "-" } ? Int(text) : nil), "an integer is read wrong")
    try hold(value.double == Double(text).flatMap { $0.isFinite ? $0 : nil }, "a number is read wrong")
  }

  private static func checkWritten(_ value: JSONValue, _ reference: ReferenceJSON) throws {
    let written = value.strictJSON()
    let again = try JSONDocument(written).root
    try hold(ReferenceJSON(again) == reference, "another thing when it is written")
    try hold(again.strictJSON() == written, "other bytes when it is written twice")
    // A33: nothing that a page, a log line or a terminal would obey.
    try hold(written.allSatisfy { $0 >= 0x20 && $0 != 0x3C && $0 != 0x3E && $0 != 0x7F }, "written with what should be escaped")
  }

  /// Foundation takes more than RFC 8259, never less, but for numbers that a double cannot hold.
  private static func checkFoundation(_ bytes: [UInt8]) throws(Broken) {
    guard !bytes.contains(where: { $0 == 0x65 || $0 == 0x45 }), bytes.count < 300 else { return }
    let object = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
    try hold(object != nil, "taken, but Foundation refuses it")
  }
}

import Foundation
import ReferenceReaders

@testable import Bytes
@testable import Events

/// Events that backends post, in structured and in binary mode, beside a plain reader of JSON and Foundation's reading of percent signs.
///
/// The input: the content type in a line, fields with their names in lines of their own, an empty line, the body.
enum EventChecks {
  private typealias Fields = [(name: String, value: String)]

  static func check(_ bytes: [UInt8]) throws {
    let (contentType, fields, body) = parts(bytes)
    let event: CloudEvent
    do throws(EventFault) {
      event = try CloudEvent.read(contentType: contentType, attributes: fields, body: body)
    } catch {
      try hold(!isPlain(contentType, body), "refused although it is an event: \(error)")
      return
    }
    try checkLimits(event)
    let isStructured = contentType?.lowercased().contains("cloudevents") == true
    guard case .object(let members)? = ReferenceJSON.parse(body) else {
      throw Broken(description: "taken although it is no object")
    }
    let data = isStructured ? members.first { $0.name == "data" }?.value : .object(members)
    try hold(ReferenceJSON.parse(event.data) == data, "other data than those that were sent")
    try hold(
      isStructured ? isSame(event, members) : isSame(event, fields), "other attributes than those that were sent")
    try checkWritten(event, isStructured)
  }

  private static func parts(_ bytes: [UInt8]) -> (contentType: String?, fields: Fields, body: [UInt8]) {
    var rest = bytes[...]
    var lines: [String] = []
    while let end = rest.firstIndex(of: 0x0A) {
      let line = String(decoding: rest[..<end], as: UTF8.self)
      rest = rest[(end + 1)...]
      // The first line may be empty: nothing is said of the content.
      if line.isEmpty, !lines.isEmpty { break }
      lines.append(line)
    }
    let fields = lines.dropFirst().compactMap { line -> (name: String, value: String)? in
      guard line.hasPrefix("ce-"), let colon = line.firstIndex(of: ":") else { return nil }
      return (line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: [" ", "\t"]))
    }
    return (lines.first.flatMap { $0.isEmpty ? nil : $0 }, fields, Array(rest))
  }

  private static func checkLimits(_ event: CloudEvent) throws {
    for name in [event.id, event.type] {
      try hold((1...CloudEvent.nameBytesMaximum).contains(name.utf8.count), "a name beyond its limits")
      try hold(!name.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }, "a control character in a name")
    }
    try hold((1...CloudEvent.sourceBytesMaximum).contains(event.source.utf8.count), "a source beyond its limits")
    try hold(event.source.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }, "a source that is no reference")
    try hold(event.data.count <= CloudEvent.dataBytesMaximum, "data beyond their limit")
  }

  private static func isSame(_ event: CloudEvent, _ members: [(name: String, value: ReferenceJSON)]) -> Bool {
    func has(_ name: String, _ text: String) -> Bool { members.contains { $0.name == name && $0.value == .string(text) } }
    return has("specversion", "1.0") && has("id", event.id) && has("source", event.source) && has("type", event.type)
      && !members.contains { $0.name == "data_base64" }
  }

  private static func isSame(_ event: CloudEvent, _ fields: Fields) -> Bool {
    func has(_ name: String, _ text: String) -> Bool {
      let values = fields.filter { $0.name == name }.map(\.value)
      guard values.count == 1 else { return false }
      // Of what is quoted this reader knows too little.
      return values[0].contains("\"") || values[0].removingPercentEncoding.map { Array($0.utf8) == Array(text.utf8) } == true
    }
    return has("ce-specversion", "1.0") && has("ce-id", event.id) && has("ce-source", event.source) && has("ce-type", event.type)
      && !fields.contains { $0.name == "ce-datacontenttype" }
  }

  private static func checkWritten(_ event: CloudEvent, _ isStructured: Bool) throws {
    let written = event.structured()
    // Data that came alone lie one deeper now.
    guard case .object(let members)? = ReferenceJSON.parse(written, depthMaximum: 33) else {
      throw Broken(description: "written as something that is not JSON")
    }
    let names = ["data", "datacontenttype", "id", "source", "specversion", "time", "type"]
    try hold(members.map(\.name).sorted() == names, "written with more or less than an event has")
    try hold(isSame(event, members), "written as another event")
    guard isStructured else { return }
    let again = try? CloudEvent.read(contentType: "application/cloudevents+json", attributes: [], body: written)
    try hold(again == event, "another event when it is written and read")
  }

  /// An event about which there can be no two opinions.
  private static func isPlain(_ contentType: String?, _ body: [UInt8]) -> Bool {
    guard contentType == "application/cloudevents+json", body.count <= CloudEvent.dataBytesMaximum,
      case .object(let members)? = ReferenceJSON.parse(body), members.count == 6
    else { return false }
    func text(_ name: String) -> String? {
      guard case .string(let text)? = members.first(where: { $0.name == name })?.value else { return nil }
      return text
    }
    func isWord(_ text: String?) -> Bool {
      text.map { (1...256).contains($0.utf8.count) && $0.utf8.allSatisfy { (0x61...0x7A).contains($0) } } == true
    }
    guard case .object? = members.first(where: { $0.name == "data" })?.value else { return false }
    return text("specversion") == "1.0" && isWord(text("id")) && isWord(text("source")) && isWord(text("type"))
      && text("time").flatMap { Timestamp(rfc3339: $0) } != nil
  }
}

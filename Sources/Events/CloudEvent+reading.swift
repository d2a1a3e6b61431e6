import Bytes

extension CloudEvent {
  /// Reads a message in structured or binary mode, as its content type says (CloudEvents HTTP binding 1.0.2, section 3).
  ///
  /// - Parameters:
  ///   - contentType: the value of `Content-Type`; nil without one.
  ///   - attributes: the fields whose names begin with `ce-`, the names in lower case. Of a structured event they are copies, and not looked
  ///     at (section 3.2.3).
  /// - Throws: `EventFault`, which says nothing of what the message holds.
  public static func read(
    contentType: String?, attributes: [(name: String, value: String)], body: [UInt8]
  ) throws(EventFault) -> CloudEvent {
    guard let contentType, let media = MediaType(contentType) else { throw .unsupportedMediaType }
    // Whatever else begins like this is another format, or a batch, which nobody asked for (section 3.3).
    guard !media.name.hasPrefix("application/cloudevents") else {
      guard media.name == "application/cloudevents+json", media.isUTF8 else { throw .unsupportedMediaType }
      return try structured(body)
    }
    guard media.isJSON else { throw .unsupportedMediaType }
    return try binary(attributes, body)
  }

  // MARK: Structured mode

  private static func structured(_ body: [UInt8]) throws(EventFault) -> CloudEvent {
    guard body.count <= bodyBytesMaximum else { throw .tooLarge }
    let reader = try StructuredReader(body)
    try EventAttributes.check(version: try reader.text("specversion"))
    let event = CloudEvent(
      id: try EventAttributes.name(try reader.text("id"), "id"),
      source: try EventAttributes.source(try reader.text("source")),
      type: try EventAttributes.name(try reader.text("type"), "type"), time: try EventAttributes.time(try reader.text("time")),
      data: try reader.data())
    if let type = try reader.optionalText("datacontenttype"), MediaType(type)?.isJSON != true {
      throw .malformed("datacontenttype must be application/json")
    }
    return event
  }

  // MARK: Binary mode

  private static func binary(_ attributes: [(name: String, value: String)], _ body: [UInt8]) throws(EventFault) -> CloudEvent {
    func text(_ name: String) throws(EventFault) -> String {
      let values = attributes.filter { $0.name == "ce-" + name }
      guard values.count == 1 else {
        throw .malformed(values.isEmpty ? "\(name) is missing" : "\(name) stands there twice")
      }
      guard let text = HeaderText.decoded(values[0].value) else { throw .malformed("\(name) is not encoded as it should be") }
      return text
    }
    // Section 3.1.1: the content type is the one place for it.
    guard !attributes.contains(where: { $0.name == "ce-datacontenttype" }) else {
      throw .malformed("datacontenttype must be said by the content type alone")
    }
    try EventAttributes.check(version: try text("specversion"))
    guard body.count <= dataBytesMaximum else { throw .tooLarge }
    return CloudEvent(
      id: try EventAttributes.name(try text("id"), "id"), source: try EventAttributes.source(try text("source")),
      type: try EventAttributes.name(try text("type"), "type"), time: try EventAttributes.time(try text("time")),
      data: try object(body))
  }

  private static func object(_ body: [UInt8]) throws(EventFault) -> [UInt8] {
    var tape = JSONTape()
    do { try tape.parse(body.span) } catch { throw .malformed("the data are not JSON: \(error.reason)") }
    guard tape.kind(0) == .object else { throw .malformed("the data must be a JSON object") }
    let range = tape.range(0)
    return Array(body[range.lower..<range.upper])
  }
}

/// The members of a structured event.
private struct StructuredReader {
  private let body: [UInt8]
  private var tape = JSONTape()

  init(_ body: [UInt8]) throws(EventFault) {
    self.body = body
    do { try tape.parse(body.span) } catch { throw .malformed("the event is not JSON: \(error.reason)") }
    guard tape.kind(0) == .object else { throw .malformed("the event must be a JSON object") }
  }

  func text(_ name: StaticString) throws(EventFault) -> String {
    guard let text = try optionalText(name) else { throw .malformed("\(name) is missing") }
    return text
  }

  func optionalText(_ name: StaticString) throws(EventFault) -> String? {
    guard let node = tape.member(name, of: 0, in: body.span) else { return nil }
    guard let text = tape.string(node, in: body.span) else { throw .malformed("\(name) must be a string") }
    return text
  }

  /// JSON format, section 3.1.1: `data_base64` is for what is no JSON, and beside `data` it would be a second truth.
  func data() throws(EventFault) -> [UInt8] {
    guard tape.member("data_base64", of: 0, in: body.span) == nil else { throw .malformed("the data must be a JSON object") }
    guard let node = tape.member("data", of: 0, in: body.span) else { throw .malformed("data is missing") }
    guard tape.kind(node) == .object else { throw .malformed("the data must be a JSON object") }
    let range = tape.range(node)
    guard range.upper - range.lower <= CloudEvent.dataBytesMaximum else { throw .tooLarge }
    return Array(body[range.lower..<range.upper])
  }
}

/// What the attributes must be (CloudEvents 1.0.2, sections 2.1 and 3.1).
enum EventAttributes {
  static func check(version: String) throws(EventFault) {
    guard version == "1.0" else { throw .malformed("specversion must be \"1.0\"") }
  }

  /// Not empty, and of characters that the type String has.
  static func name(_ text: String, _ attribute: StaticString) throws(EventFault) -> String {
    guard !text.isEmpty, text.utf8.count <= CloudEvent.nameBytesMaximum, text.unicodeScalars.allSatisfy(isAllowed) else {
      throw .malformed("\(attribute) must be 1 to \(CloudEvent.nameBytesMaximum) bytes without control characters")
    }
    return text
  }

  static func source(_ text: String) throws(EventFault) -> String {
    guard !text.isEmpty, text.utf8.count <= CloudEvent.sourceBytesMaximum, URIReference.isOne(text) else {
      throw .malformed("source must be a URI-reference of 1 to \(CloudEvent.sourceBytesMaximum) bytes")
    }
    return text
  }

  /// CAMARA demands it, CloudEvents does not.
  static func time(_ text: String) throws(EventFault) -> Timestamp {
    guard let time = Timestamp(rfc3339: text) else { throw .malformed("time must be as RFC 3339 has it") }
    return time
  }

  /// Section 2.1: neither control characters nor what is no character.
  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    let value = scalar.value
    return value >= 0x20 && !(0x7F...0x9F).contains(value) && !(0xFDD0...0xFDEF).contains(value) && value & 0xFFFE != 0xFFFE
  }
}

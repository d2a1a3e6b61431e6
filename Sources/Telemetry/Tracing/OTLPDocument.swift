import Bytes

/// Spans as OTLP/HTTP takes them in JSON: the mapping of protobuf, but ids in hexadecimal digits, 64-bit numbers in quotes, and
/// enumerations as numbers (OTLP 1.x, "JSON Protobuf Encoding").
public struct OTLPDocument: Sendable {
  private let resource: [(name: StaticString, value: String)]
  private let version: String

  /// - Parameters:
  ///   - resource: attributes of who sends.
  ///   - version: of the program.
  public init(resource: [(name: StaticString, value: String)], version: String) {
    self.resource = resource
    self.version = version
  }

  /// An `ExportTraceServiceRequest` in JSON, in UTF-8.
  public func bytes(_ spans: [FinishedSpan]) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("resourceSpans")
    writer.beginArray()
    writer.beginObject()
    writer.key("resource")
    writer.beginObject()
    writer.key("attributes")
    Self.attributes(resource.map { ($0.name, .text($0.value)) }, to: &writer)
    writer.endObject()
    writer.key("scopeSpans")
    writer.beginArray()
    writer.beginObject()
    writer.key("scope")
    writer.beginObject()
    writer.field("name", "passerelle")
    writer.field("version", version)
    writer.endObject()
    writer.key("spans")
    writer.beginArray()
    for span in spans { Self.add(span, to: &writer) }
    writer.endArray()
    writer.endObject()
    writer.endArray()
    writer.endObject()
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }

  private static func add(_ span: FinishedSpan, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("traceId", hex(span.place.trace))
    writer.field("spanId", hex(span.place.span))
    if let parent = span.parent { writer.field("parentSpanId", hex(parent)) }
    // The lower eight bits are those of traceparent.
    writer.field("flags", Int(span.place.flags))
    writer.field("name", span.name)
    writer.field("kind", span.kind.rawValue)
    writer.field("startTimeUnixNano", "\(span.startNanoseconds)")
    writer.field("endTimeUnixNano", "\(span.endNanoseconds)")
    writer.key("attributes")
    attributes(span.attributes, to: &writer)
    if let link = span.link {
      writer.key("links")
      writer.beginArray()
      writer.beginObject()
      writer.field("traceId", hex(link.trace))
      writer.field("spanId", hex(link.span))
      writer.endObject()
      writer.endArray()
    }
    writer.key("status")
    writer.beginObject()
    if span.isError { writer.field("code", 2) }
    writer.endObject()
    writer.endObject()
  }

  private static func attributes(_ attributes: [(name: StaticString, value: FinishedSpan.Value)], to writer: inout JSONWriter) {
    writer.beginArray()
    for attribute in attributes {
      writer.beginObject()
      writer.field("key", attribute.name.description)
      writer.key("value")
      writer.beginObject()
      switch attribute.value {
      case .text(let text): writer.field("stringValue", text)
      case .integer(let number): writer.field("intValue", "\(number)")
      }
      writer.endObject()
      writer.endObject()
    }
    writer.endArray()
  }

  private static func hex(_ trace: TraceID) -> String { hex(trace.high) + hex(trace.low) }

  private static func hex(_ value: UInt64) -> String {
    var digits: [UInt8] = []
    digits.append(hex: value)
    return String(decoding: digits, as: UTF8.self)
  }
}

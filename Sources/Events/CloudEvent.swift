import Bytes

/// An event as CAMARA has it: CloudEvents 1.0 with a time and an object of JSON. What a producer adds to it (extension attributes,
/// `subject`, `dataschema`) is not kept: nobody agreed to it.
public struct CloudEvent: Sendable, Equatable {
  /// Of `id` and `type`.
  public static let nameBytesMaximum = 256
  public static let sourceBytesMaximum = 1024
  public static let dataBytesMaximum = 65_536
  /// Of a structured event: its data and all that stands around them, escapes and extensions included.
  public static let bodyBytesMaximum = dataBytesMaximum + 32_768

  /// Unique together with `source`.
  public var id: String
  /// A URI-reference.
  public var source: String
  public var type: String
  public var time: Timestamp
  /// A JSON object, as it was written.
  public var data: [UInt8]

  public init(id: String, source: String, type: String, time: Timestamp, data: [UInt8]) {
    self.id = id
    self.source = source
    self.type = type
    self.time = time
    self.data = data
  }

  /// The event in structured mode: a body of `application/cloudevents+json`.
  public func structured() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("specversion", "1.0")
    writer.field("id", id)
    writer.field("source", source)
    writer.field("type", type)
    writer.field("time", time.rfc3339)
    writer.field("datacontenttype", "application/json")
    writer.key("data")
    writer.raw(data)
    writer.endObject()
    return writer.bytes
  }
}

/// Why a message is no event that is taken.
public enum EventFault: Error, Sendable, Equatable {
  /// It is not a CloudEvent of CAMARA's kind; the sentence says what is wrong and holds nothing of the message.
  case malformed(String)
  case tooLarge
  /// Neither one structured event nor JSON: a batch, another event format, another content.
  case unsupportedMediaType
}

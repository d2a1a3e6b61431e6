import Bytes

/// A JSON value of which an answer is made. The members of an object keep their order.
indirect enum JSON: Sendable, Equatable {
  struct Member: Sendable, Equatable {
    let name: String
    let value: JSON
  }

  case object([Member])
  case array([JSON])
  case string(String)
  case integer(Int)
  case decimal(Double)
  case boolean(Bool)
  case null
  /// A value as somebody else wrote it, in strict JSON.
  case raw([UInt8])

  /// What a request said, to be said again.
  init(_ value: JSONValue) { self = .raw(value.strictJSON()) }

  static func time(_ time: Timestamp) -> JSON { .string(time.rfc3339) }
  static func strings(_ texts: [String]) -> JSON { .array(texts.map(JSON.string)) }

  var bytes: [UInt8] {
    var writer = JSONWriter()
    write(to: &writer)
    return writer.bytes
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .object(let members):
      writer.beginObject()
      for member in members {
        writer.key(member.name)
        member.value.write(to: &writer)
      }
      writer.endObject()
    case .array(let elements):
      writer.beginArray()
      for element in elements { element.write(to: &writer) }
      writer.endArray()
    case .string(let text): writer.string(text)
    case .integer(let number): writer.integer(number)
    case .decimal(let number): writer.number(number)
    case .boolean(let flag): writer.boolean(flag)
    case .null: writer.null()
    case .raw(let bytes): writer.raw(bytes)
    }
  }
}

extension JSON: ExpressibleByDictionaryLiteral {
  /// A member without a value is left out.
  init(dictionaryLiteral members: (String, JSON?)...) {
    self = .object(members.compactMap { name, value in value.map { Member(name: name, value: $0) } })
  }
}

extension JSON {
  /// An object with the members of both; this one's come first.
  func adding(_ other: JSON) -> JSON {
    guard case .object(let members) = self, case .object(let more) = other else { return self }
    return .object(members + more)
  }
}

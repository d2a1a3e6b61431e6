import Bytes
import ReferenceReaders
import Testing

@testable import Events

/// Events as they come in: the examples of CloudEvents and CAMARA, and what is not one.
@Suite struct CloudEventTests {
  private static let structured = """
    {"specversion":"1.0","id":"1234-1234-1234","source":"/mycontext/subcontext","type":"com.example.someevent",
     "time":"2018-04-05T03:56:24Z","datacontenttype":"application/json","data":{"a": 1.50, "b":[]}}
    """
  private static let fields = [
    ("ce-specversion", "1.0"), ("ce-type", "com.example.someevent"), ("ce-time", "2018-04-05T03:56:24Z"),
    ("ce-id", "1234-1234-1234"), ("ce-source", "/mycontext/subcontext"),
  ]
  private static let expected = CloudEvent(
    id: "1234-1234-1234", source: "/mycontext/subcontext", type: "com.example.someevent",
    time: Timestamp(rfc3339: "2018-04-05T03:56:24Z")!, data: Array(#"{"a": 1.50, "b":[]}"#.utf8))

  private func read(
    _ text: String, _ contentType: String? = "application/cloudevents+json", _ fields: [(String, String)] = []
  ) throws(EventFault) -> CloudEvent {
    try CloudEvent.read(
      contentType: contentType, attributes: fields.map { (name: $0.0, value: $0.1) }, body: Array(text.utf8))
  }

  private func isMalformed(_ body: () throws -> CloudEvent) -> Bool {
    do { _ = try body() } catch let fault as EventFault { if case .malformed = fault { return true } } catch {}
    return false
  }

  // MARK: Structured

  @Test(arguments: [
    "application/cloudevents+json", "application/cloudevents+json; charset=UTF-8",
    "Application/CloudEvents+JSON ;charset=\"utf-8\"",
  ])
  func aStructuredEvent(_ contentType: String) throws {
    #expect(try read(Self.structured, contentType) == Self.expected)
  }

  @Test func fieldsBesideAStructuredEventAreCopies() throws {
    #expect(try read(Self.structured, "application/cloudevents+json", [("ce-id", "another")]) == Self.expected)
  }

  @Test func whatAProducerAddsIsNotKept() throws {
    let more = Self.structured.replacing("\"id\"", with: "\"subject\":\"+33612345678\",\"comexampleextension\":[1],\"id\"")
    #expect(try read(more) == Self.expected)
    #expect(!String(decoding: try read(more).structured(), as: UTF8.self).contains("subject"))
  }

  @Test func withoutADataContentTypeItIsJSON() throws {
    #expect(try read(Self.structured.replacing("\"datacontenttype\":\"application/json\",", with: "")) == Self.expected)
  }

  @Test(arguments: [
    ("\"1.0\"", "\"0.3\""), ("\"1.0\"", "1.0"), ("\"id\":\"1234-1234-1234\"", "\"id\":1234"), ("\"1234-1234-1234\"", "\"\""),
    ("\"1234-1234-1234\"", "\"a\\u0000b\""), ("\"1234-1234-1234\"", "\"a\\u007fb\""), ("\"1234-1234-1234\"", "\"a\\ufffeb\""),
    ("\"/mycontext/subcontext\"", "\"\""), ("\"/mycontext/subcontext\"", "\"a b\""), ("\"/mycontext/subcontext\"", "\"1a:b\""),
    ("\"/mycontext/subcontext\"", "\"/%4\""), ("\"/mycontext/subcontext\"", "\"/a#b#c\""),
    ("\"/mycontext/subcontext\"", "\"/ä\""),
    ("\"com.example.someevent\"", "\"\""), ("2018-04-05T03:56:24Z", "2018-04-05 03:56"), ("2018-04-05T03:56:24Z", ""),
    ("\"application/json\"", "\"application/xml\""), ("\"application/json\"", "\"text/plain\""), ("\"application/json\"", "null"),
    ("{\"a\": 1.50, \"b\":[]}", "[1]"), ("{\"a\": 1.50, \"b\":[]}", "null"), ("{\"a\": 1.50, \"b\":[]}", "\"{}\""),
    ("{\"a\": 1.50, \"b\":[]}", "{\"a\":1,\"a\":2}"), ("\"datacontenttype\"", "\"id\""), ("\"data\":", "\"data_base64\":"),
    ("\"time\":\"2018-04-05T03:56:24Z\",", ""), ("{\"specversion\":\"1.0\",", "{"), ("}}", "}"), ("}}", "}}}"),
  ])
  func whatIsNoEventIsRefused(_ part: String, _ replacement: String) {
    let text = Self.structured.replacing(part, with: replacement)
    #expect(text != Self.structured && isMalformed { try read(text) })
  }

  @Test func thereAreLimits() throws {
    for (count, isTaken) in [(255, true), (256, true), (257, false)] {
      let text = Self.structured.replacing("1234-1234-1234", with: String(repeating: "x", count: count))
      #expect(isMalformed { try read(text) } != isTaken)
    }
    let shell = #"{"a":""}"#.utf8.count
    for (count, isTaken) in [(65_535, true), (65_536, true), (65_537, false)] {
      let data = #"{"a":""# + String(repeating: "x", count: count - shell) + #""}"#
      for isStructured in [true, false] {
        let read = {
          isStructured
            ? try self.read(Self.structured.replacing(#"{"a": 1.50, "b":[]}"#, with: data))
            : try self.read(data, "application/json", Self.fields)
        }
        if isTaken { #expect(try read().data.count == count) } else { #expect(throws: EventFault.tooLarge) { try read() } }
      }
    }
  }

  // MARK: Content types

  @Test(arguments: [
    nil, "", "application/cloudevents-batch+json", "application/cloudevents+xml", "application/cloudevents",
    "application/cloudevents+json; charset=latin1", "text/plain", "application/jsonx", "application/json; charset=utf-16", "json",
    "application/json; charset", "application/json; charset=utf-8; charset=utf-8",
  ])
  func otherContentIsNotTaken(_ contentType: String?) {
    #expect(throws: EventFault.unsupportedMediaType) { try read(Self.structured, contentType, Self.fields) }
  }

  // MARK: Binary

  @Test func aBinaryEvent() throws {
    for contentType in ["application/json", "application/json; charset=utf-8"] {
      #expect(try read(#" {"a": 1.50, "b":[]} "#, contentType, Self.fields) == Self.expected)
    }
  }

  @Test(arguments: [
    // The example of the specification, section 3.1.3.2.
    ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"), ("Euro%20%e2%82%ac%20%f0%9f%98%80", "Euro € 😀"), ("%41b%2525", "Ab%25"),
    ("\"a \\\"b\\\" c\"", "a \"b\" c"), ("\"a%20b\"", "a b"),
  ])
  func headerValuesAreUnquotedAndDecodedOnce(_ value: String, _ id: String) throws {
    #expect(try read("{}", "application/json", Self.fields.dropLast(2) + [("ce-id", value), ("ce-source", "/a")]).id == id)
  }

  @Test(arguments: [
    "%C0%A0", "%ED%A0%80", "%", "%4", "%zz", "a\"b", "\"a", "\"a\"b", "\"a\\", "ä", "%00", "%7F", "", "\"\"",
  ])
  func headerValuesThatAreNotRightAreRefused(_ value: String) {
    #expect(
      isMalformed { try read("{}", "application/json", Self.fields.dropLast(2) + [("ce-id", value), ("ce-source", "/a")]) })
  }

  @Test func aBinaryEventNeedsEachFieldOnce() {
    for (index, field) in Self.fields.enumerated() {
      var less = Self.fields
      less.remove(at: index)
      #expect(isMalformed { try read("{}", "application/json", less) }, "\(field.0)")
      #expect(isMalformed { try read("{}", "application/json", Self.fields + [field]) }, "\(field.0)")
    }
    #expect(isMalformed { try read("{}", "application/json", Self.fields + [("ce-datacontenttype", "application/json")]) })
    #expect(isMalformed { try read("[]", "application/json", Self.fields) })
    #expect(isMalformed { try read("", "application/json", Self.fields) })
  }

  // MARK: Writing

  @Test func whatIsWrittenIsReadTheSame() throws {
    var random = SystemRandomNumberGenerator()
    let scalars: [Unicode.Scalar] = ["a", "\"", "\\", "<", " ", "é", "€", "😀", "%", "/", "\u{2028}"]
    for _ in 0..<500 {
      var name = "x"
      for _ in 0..<Int.random(in: 0..<12, using: &random) { name.unicodeScalars.append(scalars.randomElement(using: &random)!) }
      let event = CloudEvent(
        id: name, source: "urn:x?%20" + String(repeating: "/", count: Int.random(in: 0..<3)), type: name,
        time: Timestamp(microseconds: Int64.random(in: 0..<4_000_000_000_000_000)), data: Array(#"{"a":[1e2,"\u00e9"]}"#.utf8))
      let body = event.structured()
      #expect(try CloudEvent.read(contentType: "application/cloudevents+json", attributes: [], body: body) == event)
    }
  }

  /// Whatever bytes come: an answer, no trap; and what is taken is JSON with the same data in a plain reader's eyes.
  @Test func noBytesBreakTheReader() throws {
    var random = SystemRandomNumberGenerator()
    let seed = Array(Self.structured.utf8)
    for _ in 0..<20_000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.insert(contentsOf: [0x22, 0x7B, 0x5C, 0x25].randomElement(using: &random).map { [$0] }!, at: place)
        }
      }
      guard let event = try? CloudEvent.read(contentType: "application/cloudevents+json", attributes: [], body: bytes) else {
        continue
      }
      let again = try CloudEvent.read(contentType: "application/cloudevents+json", attributes: [], body: event.structured())
      #expect(again == event)
      _ = try? CloudEvent.read(
        contentType: String(decoding: bytes.prefix(40), as: UTF8.self),
        attributes: Self.fields.map { (name: $0.0, value: $0.1 + String(decoding: bytes.suffix(3), as: UTF8.self)) }, body: bytes)
    }
  }

  @Test func authoritiesOfReferences() {
    for (text, authority) in [
      ("https://a.b:8/c", "a.b:8"), ("//X/y", "x"), ("/a//b", nil), ("urn:x://y", nil), ("a/b", nil), ("http:x", nil),
      ("x://", ""),
      ("https://u@h?q", "u@h"),
    ] as [(String, String?)] {
      #expect(URIReference.authority(text) == authority, "\(text)")
    }
  }

  @Test func theSetIsThatOfTheRule() {
    let all = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%".utf8)
    for byte in UInt8.min ... .max { #expect(URIReference.characters.contains(byte) == all.contains(byte)) }
  }
}

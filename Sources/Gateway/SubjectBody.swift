import Bytes
import Identifiers
import Policy

/// Where in a request the subject stands: in the body the path of names to it and what stands there, or in the query.
struct SubjectPlace {
  var path: [String]
  var kind: SubjectKind
  /// The backend is told in a field of the head, and nobody stands in the body that it gets.
  var isInHead: Bool
  /// The subject stands in the query, and nothing of the body is it.
  var isInQuery = false
  /// What the query says.
  var given: [UInt8]?

  init(_ path: [String], _ kind: SubjectKind, isInHead: Bool = false) {
    self.path = path
    self.kind = kind
    self.isInHead = isInHead
  }

  init(_ path: [String], _ kind: SubjectKind, _ operation: OperationPolicy, query: Span<UInt8>?) {
    self.init(path, kind, isInHead: operation.subjectField != nil)
    guard operation.query.namesSubject else { return }
    isInQuery = true
    given = operation.query.subject(in: query)
  }
}

/// The identifiers of a subscriber that a body names (CAMARA `Device`, or a `phoneNumber` alone).
struct NamedIdentifiers {
  var count = 0
  /// A number was given, well-formed or not.
  var hasNumber = false
  /// The number in E.164; nil when none was given, or one that is no global number.
  var number: MSISDN?
  var isEmpty: Bool { count == 0 }
}

/// The body of a request, read for its subject and written anew with exactly one, and with nothing that the API does not know.
struct SubjectBody: ~Copyable, ~Escapable {
  private let bytes: Span<UInt8>
  private let tape: JSONTape
  private let hasDocument: Bool
  private let schema: BodySchema?

  /// - Parameter schema: of the body, which was found right by it; nil only where no subject stands in the body.
  @_lifetime(copy bytes)
  init(bytes: Span<UInt8>, tape: JSONTape, hasDocument: Bool, schema: BodySchema?) {
    self.bytes = bytes
    self.tape = tape
    self.hasDocument = hasDocument
    self.schema = schema
  }

  /// CAMARA's names for the ways to identify a device.
  private static let deviceIdentifiers = ["phoneNumber", "networkAccessIdentifier", "ipv4Address", "ipv6Address"]

  /// What stands at the place; empty when nothing does.
  func identifiers(at place: SubjectPlace) -> NamedIdentifiers {
    guard !place.isInQuery else {
      return place.given.map {
        NamedIdentifiers(count: 1, hasNumber: true, number: Self.number(String(decoding: $0, as: UTF8.self)))
      }
        ?? NamedIdentifiers()
    }
    guard let node = node(at: place.path[...]) else { return NamedIdentifiers() }
    switch place.kind {
    case .phoneNumber:
      return NamedIdentifiers(count: 1, hasNumber: true, number: number(node))
    case .device:
      guard tape.kind(node) == .object else { return NamedIdentifiers() }
      var named = NamedIdentifiers()
      for name in Self.deviceIdentifiers {
        guard let value = tape.member(name, of: node, in: bytes) else { continue }
        named.count += 1
        if name == "phoneNumber" {
          named.hasNumber = true
          named.number = number(value)
        }
      }
      return named
    }
  }

  /// Appends the body as the API knows it: what the schema does not name is left out, and all of it where there is none.
  func copy(to output: inout [UInt8]) {
    guard hasDocument, let schema else { return }
    schema.copy(bytes, tape: tape, to: &output)
  }

  /// Appends the body as the API knows it, with the number as its only identifier at the place.
  func write(_ number: MSISDN, at place: SubjectPlace, to output: inout [UInt8]) {
    guard !place.isInQuery else { return copy(to: &output) }
    if place.isInHead {
      guard hasDocument, let schema else { return }
      return schema.copy(bytes, tape: tape, omittingAt: place.path[...], to: &output)
    }
    // Without a document, or where the device is the whole body (device-identifier 0.1.0), nothing of the body is kept.
    guard hasDocument, !place.path.isEmpty, let schema else {
      BodySchema.wrap(place.path[...], to: &output) { Self.appendValue(number, place.kind, to: &$0) }
      return
    }
    schema.copy(bytes, tape: tape, placingAt: place.path[...], to: &output) {
      Self.appendValue(number, place.kind, to: &$0)
    }
  }

  private func node(at path: ArraySlice<String>) -> Int? {
    guard hasDocument else { return nil }
    var node = 0
    for name in path {
      guard tape.kind(node) == .object, let next = tape.member(name, of: node, in: bytes) else { return nil }
      node = next
    }
    return node
  }

  /// A number as the API's version writes it: the first release lets the `+` be left out.
  private func number(_ node: Int) -> MSISDN? {
    tape.string(node, in: bytes).flatMap(Self.number)
  }

  private static func number(_ text: String) -> MSISDN? { MSISDN(e164: text.hasPrefix("+") ? text : "+" + text) }

  private static func appendValue(_ number: MSISDN, _ kind: SubjectKind, to output: inout [UInt8]) {
    switch kind {
    case .phoneNumber:
      output.append(0x22)
      output.append(contentsOf: number.e164.utf8)
      output.append(0x22)
    case .device:
      output.append(contentsOf: #"{"phoneNumber":""#.utf8)
      output.append(contentsOf: number.e164.utf8)
      output.append(contentsOf: #""}"#.utf8)
    }
  }
}

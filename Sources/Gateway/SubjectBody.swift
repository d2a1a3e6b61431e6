import Bytes
import Identifiers
import Policy

/// Where in a body the subject stands: the path of names to it, and what stands there.
struct SubjectPlace {
  var path: [String]
  var kind: SubjectKind

  init(_ path: [String], _ kind: SubjectKind) {
    self.path = path
    self.kind = kind
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

/// The body of a request, read for its subject and written anew with exactly one.
struct SubjectBody: ~Copyable, ~Escapable {
  private let bytes: Span<UInt8>
  private let tape: JSONTape
  private let hasDocument: Bool

  @_lifetime(copy bytes)
  init(bytes: Span<UInt8>, tape: JSONTape, hasDocument: Bool) {
    self.bytes = bytes
    self.tape = tape
    self.hasDocument = hasDocument
  }

  /// CAMARA's names for the ways to identify a device.
  private static let deviceIdentifiers = ["phoneNumber", "networkAccessIdentifier", "ipv4Address", "ipv6Address"]

  /// What stands at the place; empty when nothing does.
  func identifiers(at place: SubjectPlace) -> NamedIdentifiers {
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

  /// Appends the body unchanged.
  func copy(to output: inout [UInt8]) { append(0..<bytes.count, to: &output) }

  /// Appends the body with the number as its only identifier at the place; every other byte stays as it was sent.
  func write(_ number: MSISDN, at place: SubjectPlace, to output: inout [UInt8]) {
    guard hasDocument, !place.path.isEmpty else {
      // The device is the whole body (device-identifier 0.1.0), or there is no body yet.
      guard place.path.isEmpty else { Self.wrap(number, place, place.path[...], to: &output); return }
      Self.appendValue(number, place.kind, to: &output)
      return
    }
    if let node = node(at: place.path[...]) {
      let range = tape.range(node)
      append(0..<range.lower, to: &output)
      Self.appendValue(number, place.kind, to: &output)
      append(range.upper..<bytes.count, to: &output)
      return
    }
    insert(number, place, to: &output)
  }

  /// Inserts the missing tail of the path as the first member of the deepest object that is there.
  private func insert(_ number: MSISDN, _ place: SubjectPlace, to output: inout [UInt8]) {
    var depth = place.path.count - 1
    while depth > 0, node(at: place.path[..<depth]) == nil { depth -= 1 }
    guard let parent = node(at: place.path[..<depth]) else { return }
    let afterBrace = tape.range(parent).lower + 1
    append(0..<afterBrace, to: &output)
    Self.appendMember(number, place, place.path[depth...], to: &output)
    if tape.childCount(parent) > 0 { output.append(0x2C) }
    append(afterBrace..<bytes.count, to: &output)
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
    guard let text = tape.string(node, in: bytes) else { return nil }
    return MSISDN(e164: text.hasPrefix("+") ? text : "+" + text)
  }

  private func append(_ range: Range<Int>, to output: inout [UInt8]) {
    let part = bytes.extracting(range)
    output.reserveCapacity(output.count + part.count)
    for index in part.indices { output.append(part[index]) }
  }

  private static func wrap(_ number: MSISDN, _ place: SubjectPlace, _ path: ArraySlice<String>, to output: inout [UInt8]) {
    output.append(0x7B)
    appendMember(number, place, path, to: &output)
    output.append(0x7D)
  }

  private static func appendMember(_ number: MSISDN, _ place: SubjectPlace, _ path: ArraySlice<String>, to output: inout [UInt8])
  {
    output.append(0x22)
    output.append(contentsOf: path[path.startIndex].utf8)
    output.append(contentsOf: [0x22, 0x3A])
    let rest = path.dropFirst()
    if rest.isEmpty { appendValue(number, place.kind, to: &output) } else { wrap(number, place, rest, to: &output) }
  }

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

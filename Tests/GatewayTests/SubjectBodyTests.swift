import Bytes
import Identifiers
import Testing

@testable import Gateway

@Suite struct SubjectBodyTests {
  private static let number = MSISDN(e164: "+33639980001")!

  private static func written(_ text: String, _ place: SubjectPlace) throws -> String {
    let bytes = Array(text.utf8)
    var tape = JSONTape()
    if !bytes.isEmpty { try tape.parse(bytes.span) }
    var output: [UInt8] = []
    SubjectBody(bytes: bytes.span, tape: tape, hasDocument: !bytes.isEmpty).write(number, at: place, to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  @Test(arguments: [
    (#"{}"#, #"{"device":{"phoneNumber":"+33639980001"}}"#),
    (#"{ "maxAge" : 60.0 }"#, #"{"device":{"phoneNumber":"+33639980001"}, "maxAge" : 60.0 }"#),
    (
      #"{"a":1,"device":{"ipv6Address":"::1","phoneNumber":"+1"},"b":2}"#,
      #"{"a":1,"device":{"phoneNumber":"+33639980001"},"b":2}"#
    ),
  ]) func theDeviceIsInsertedOrReplacedAndNothingElseChanges(_ body: String, _ expected: String) throws {
    #expect(try Self.written(body, SubjectPlace(["device"], .device)) == expected)
  }

  @Test func aDeepPlaceIsMadeWhereItIsMissing() throws {
    let place = SubjectPlace(["config", "subscriptionDetail", "device"], .device)
    #expect(
      try Self.written(#"{"config":{"x":1}}"#, place)
        == #"{"config":{"subscriptionDetail":{"device":{"phoneNumber":"+33639980001"}},"x":1}}"#)
  }

  @Test func theWholeBodyIsTheDevice() throws {
    #expect(try Self.written(#"{"phoneNumber":"33639980001"}"#, SubjectPlace([], .device)) == #"{"phoneNumber":"+33639980001"}"#)
  }

  @Test func aNumberAlone() throws {
    #expect(try Self.written("", SubjectPlace(["phoneNumber"], .phoneNumber)) == #"{"phoneNumber":"+33639980001"}"#)
  }

  @Test(
    arguments: [
      (#"{}"#, 0, false, nil), (#"{"device":{}}"#, 0, false, nil),
      (#"{"device":{"phoneNumber":"+33639980001"}}"#, 1, true, "+33639980001"),
      (#"{"device":{"phoneNumber":"33639980001","ipv6Address":"::1"}}"#, 2, true, "+33639980001"),
      (#"{"device":{"phoneNumber":"0639980001"}}"#, 1, true, nil), (#"{"device":{"ipv6Address":"::1"}}"#, 1, false, nil),
      (#"{"\u0064evice":{"phone\u004eumber":"+33639980001"}}"#, 1, true, "+33639980001"),
    ] as [(String, Int, Bool, String?)])
  func identifiersAreCountedAndTheNumberRead(_ text: String, _ count: Int, _ hasNumber: Bool, _ number: String?) throws {
    let bytes = Array(text.utf8)
    var tape = JSONTape()
    try tape.parse(bytes.span)
    let named = SubjectBody(bytes: bytes.span, tape: tape, hasDocument: true).identifiers(at: SubjectPlace(["device"], .device))
    #expect(named.count == count)
    #expect(named.hasNumber == hasNumber)
    #expect(named.number?.e164 == number)
  }
}

import Bytes
import Testing
import Wire

@testable import Simulator

@Suite struct SimulatedOperatorTests {
  private static let data = try! SimulatedOperator.shipped()

  @Test func thereAreEnoughSubscribersAndEachIsOneOfAKind() {
    #expect(Self.data.subscribers.count >= 20)
    #expect(Set(Self.data.subscribers.map(\.phoneNumber)).count == Self.data.subscribers.count)
    #expect(Set(Self.data.subscribers.map(\.device.imei)).count == Self.data.subscribers.count)
    #expect(Set(Self.data.subscribers.compactMap(\.ipv4)).count == Self.data.subscribers.count)
  }

  @Test func everyKindOfMisbehaviourIsThere() {
    let behaviours = Set(Self.data.subscribers.map(\.behaviour))
    for behaviour in SimulatedSubscriber.Behaviour.allCases { #expect(behaviours.contains(behaviour)) }
  }

  /// An IMEI is fifteen digits whose last one checks the others (3GPP TS 23.003 §6.2.1); an IMEISV has sixteen.
  @Test func serialNumbersAreWellFormed() {
    for device in Self.data.subscribers.map(\.device) {
      let digits = device.imei.utf8.reversed().map { Int($0) - 0x30 }
      #expect(digits.count == 15 && device.imeisv.utf8.count == 16 && device.imeisv.hasPrefix(device.imei.prefix(14)))
      let sum = digits.enumerated().reduce(0) { sum, digit in
        let value = digit.offset % 2 == 1 ? digit.element * 2 : digit.element
        return sum + (value > 9 ? value - 9 : value)
      }
      #expect(sum % 10 == 0, "\(device.imei)")
    }
  }

  @Test func theNumbersAreOfTheRangeThatIsKeptForFiction() {
    for subscriber in Self.data.subscribers { #expect(subscriber.phoneNumber.e164.hasPrefix("+3363998")) }
  }

  @Test func aPseudonymIsPairwiseAndLasting() {
    let one = Pseudonym.make("490154203237518", client: "a")
    #expect(one.utf8.count == 64 && one.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) })
    #expect(one == Pseudonym.make("490154203237518", client: "a"))
    #expect(one != Pseudonym.make("490154203237518", client: "b"))
    #expect(one != Pseudonym.make("490154203237519", client: "a"))
  }

  /// What the look-up on a path says of one who is known to it and of one who is not.
  @Test(arguments: [
    ("by-address", #"{"ipAddress": "192.0.2.3", "port": 99}"#, 200), ("by-address", #"{"ipAddress": "192.0.2.99"}"#, 404),
    ("by-token", #"{"operatorToken": "simulated-token-of-+33639980003"}"#, 200), ("by-token", #"{"operatorToken": "x"}"#, 404),
    ("by-number", #"{"phoneNumber": "+33639980003"}"#, 200), ("by-number", #"{"phoneNumber": "+33639981234"}"#, 404),
    ("by-number", "nonsense", 404),
  ])
  func subscribersAreLookedUp(_ path: String, _ body: String, _ status: Int) throws {
    let request = HTTPRequest(
      method: "POST", target: "/simulator/subscribers/" + path, fields: [], body: Array(body.utf8),
      loop: try EventLoop(index: 0, time: SystemTime()))
    let response = try #require(SubscriberLookup(data: Self.data).answer(request, request.path))
    #expect(response.status == status)
    if status == 200 { #expect(response.body == Array(#"{"phoneNumber":"+33639980003"}"#.utf8)) }
  }

  /// The operator knows the number; its device backend does not.
  @Test func whoIsUnknownToTheDeviceBackendIsASubscriberAllTheSame() throws {
    let unknown = try #require(Self.data.subscribers.first { $0.behaviour == .unknown })
    #expect(Self.data.subscriber(unknown.phoneNumber.e164) != nil)
  }
}

import Bytes
import Testing

@testable import Simulator

/// The reader of the data file: what is wrong is said with line and reason.
@Suite struct DataFileTests {
  private static let now = Timestamp(rfc3339: "2026-11-21T12:00:00Z")!

  private static func read(_ text: String) throws -> SimulatedOperator {
    try SimulatedOperator(Array(text.utf8), file: "x.json", now: now)
  }

  /// A whole file with one subscriber, who has these members as well.
  private static func file(_ members: String) -> String {
    """
    {
      "operator": {
        "subscriberHeader": "X-Who", "coverage": { "south": 0, "west": 0, "north": 10, "east": 10 }, "areaRadiusMinimum": 1,
        "countMinimum": 1, "resourcesMaximum": 3, "chargeMaximum": 10
      },
      "qosProfiles": [], "edgeCloudZones": [],
      "everybody": {
        "network": { "type": "4G", "connectivity": ["DATA"] }, "place": "unknown", "simChange": "10d ago", "deviceChange": "10d ago",
        "person": { "givenName": "A", "familyName": "B", "email": "a@example.com" }, "account": { "limit": 5 }, "messages": "allowed"
      },
      "subscribers": [
        {
          "phoneNumber": "+33639980001", "note": "", "imei": "1", "imeisv": "1", "manufacturer": "", "model": "",
          "lastChecked": "1h ago",
          \(members)
        }
      ]
    }
    """
  }

  @Test func timesAreCountedFromTheStart() throws {
    let subscriber = try Self.read(Self.file(#""simChange": "90m ago""#)).subscribers[0]
    #expect(subscriber.lastChecked == Self.now.adding(seconds: -3600))
    #expect(subscriber.simChange.time == Self.now.adding(seconds: -5400))
    #expect(subscriber.deviceChange.time == Self.now.adding(seconds: -864_000))
    #expect(subscriber.simChange.isWithin(hours: 2, of: Self.now) && !subscriber.simChange.isWithin(hours: 1, of: Self.now))
  }

  @Test func whatIsNotSaidIsAsForEverybody() throws {
    let subscriber = try Self.read(Self.file(#""person": { "familyName": "C", "email": null }"#)).subscribers[0]
    #expect(subscriber.person["givenName"] == "A" && subscriber.person["familyName"] == "C" && subscriber.person["email"] == nil)
    #expect(subscriber.person["name"] == "A C")
    #expect(subscriber.account.limitThousandths == 5000 && subscriber.messages == .allowed)
    #expect(try Self.read(Self.file(#""messages": "blocked""#)).settings.subscriberHeader == "x-who")
  }

  @Test(arguments: [
    (#""simChange": "yesterday""#, "a time was expected"), (#""simChange": 5"#, "a time was expected"),
    (#""simChange": "1000000d ago""#, "a time was expected"), (#""simchange": "1d ago""#, #"did you mean "simChange""#),
    (#""network": []"#, "a state of the network was expected"),
    (#""network": [{ "type": "4G", "connectivity": [] }]"#, "\"for\" is missing"),
    (#""network": { "type": "4G", "connectivity": ["VOICE"] }"#, "DATA, SMS"),
    (#""place": "here""#, "an object was expected"),
    (#""place": { "age": "1s" }"#, #"wants "circle", "polygon" or "route""#),
    (#""place": { "polygon": [[1, 1], [2, 2]] }"#, "3 to 15 points"),
    (#""place": { "polygon": [[1, 1], [2, 2], [91, 1]] }"#, "[latitude, longitude]"),
    (#""person": { "birthdate": "1984-13-01" }"#, "wants a date"), (#""person": { "name": 5 }"#, "a string, or null"),
    (#""account": { "settlement": "later", "limit": 1 }"#, "asynchronous"), (#""messages": "no""#, "notAllowed"),
    (#""behaviour": "rude""#, "talkative"),
  ])
  func aMistakeIsNamedByLineAndReason(_ members: String, _ reason: String) {
    do {
      _ = try Self.read(Self.file(members))
      Issue.record("\(members) was read")
    } catch {
      let fault = error as? DocumentError
      #expect(fault?.line == 15 && fault?.reason.contains(reason) == true, "\(error)")
      #expect("\(error)".hasPrefix("x.json:15:"))
    }
  }

  @Test func twoOfOneNumberAreRefused() {
    let twice = Self.file(#""messages": "allowed""#).replacing(
      "  }\n  ]\n",
      with:
        "  },\n{ \"phoneNumber\": \"+33639980001\", \"note\": \"\", \"imei\": \"1\", \"imeisv\": \"1\", \"manufacturer\": \"\", \"model\": \"\", \"lastChecked\": \"1h ago\" }\n ]\n"
    )
    #expect(throws: DocumentError.self) { try Self.read(twice) }
  }

  @Test func statesFollowOneAnotherByTheClockAlone() throws {
    let network = try Self.read(
      Self.file(
        #""network": [{ "for": "1m", "type": "5G", "connectivity": ["DATA"] }, { "for": "2m", "type": "2G", "connectivity": [] }]"#
      )
    ).subscribers[0].network
    // 3 minutes divide the seconds of 2026-11-21T12:00:00Z.
    #expect(network.state(at: Self.now).state.type == "5G")
    let (later, since) = network.state(at: Self.now.adding(seconds: 61))
    #expect(later.type == "2G" && !later.isReachable && since == Self.now.adding(seconds: 60))
    #expect(network.state(at: Self.now.adding(seconds: 180)).state.type == "5G")
    #expect(network.state(at: Timestamp(seconds: -1)).state.type == "2G")
  }

  @Test func aRouteIsGoneRoundAndRound() throws {
    let place = try Self.read(
      Self.file(#""place": { "route": [[0, 0], [0, 8], [8, 8], [8, 0]], "lap": "40s", "radius": 5 }"#)
    ).subscribers[0].place
    func position(_ seconds: Int64) -> Point? { place.area(at: Timestamp(seconds: seconds))?.circle.center }
    #expect(position(0) == Point(latitude: 0, longitude: 0))
    #expect(position(5) == Point(latitude: 0, longitude: 4))
    #expect(position(35) == Point(latitude: 4, longitude: 0))
    #expect(position(40) == position(0) && position(400_005) == position(5))
  }

  @Test func anAgeIsOfWholeYears() throws {
    let person = try Self.read(Self.file(#""person": { "birthdate": "2000-11-22" }"#)).subscribers[0].person
    #expect(person.age(at: Self.now) == 25)
    #expect(person.age(at: Self.now.adding(seconds: 86_400)) == 26)
  }
}

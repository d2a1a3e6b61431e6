import Bytes
import Testing

@testable import Simulator

/// Events that somebody orders, and scripts.
@Suite struct EventOrderTests {
  private static func order(_ text: String, in world: EventTests.World) throws -> [String] {
    try EventOrder(JSONDocument(Array(text.utf8)).root).carryOut(
      world.events, world.kept, world.data.settings.country, at: world.time.now())
  }

  @Test func whatIsOrderedIsSentThoughItHasNotHappened() async throws {
    let world = try EventTests.World()
    let id = try world.subscribe("device-roaming-status-subscriptions", "roaming-on")
    #expect(try Self.order(#"{"phoneNumber": "+33639980001", "type": "roaming-on", "count": 2, "repeat": 2}"#, in: world) == [id])
    #expect(try await world.told() == Array(repeating: "roaming-on", count: 4))
    let ids = world.events.outbox.log.all.map(\.event.id)
    #expect(ids[0] == ids[1] && ids[2] == ids[3] && ids[0] != ids[2])
    #expect(try Self.order(#"{"phoneNumber": "+33639980001", "type": "roaming-off"}"#, in: world) == [], "nobody has subscribed")
  }

  @Test func theDataCanBeChanged() throws {
    let world = try EventTests.World()
    let id = try world.subscribe("device-roaming-status-subscriptions", "roaming-status")
    let text =
      #"{"subscriptionId": "\#(id)", "type": "roaming-status", "data": {"device": null, "roaming": "yes", "imsi": "1"}, "mode": "binary"}"#
    #expect(try Self.order(text, in: world) == [id])
    let entry = try #require(world.events.outbox.log.all.first)
    #expect(entry.mode == .binary)
    #expect(
      String(decoding: entry.event.body(.binary), as: UTF8.self) == #"{"roaming":"yes","subscriptionId":"\#(id)","imsi":"1"}"#)
    #expect(
      entry.event.fields(.binary).contains {
        $0 == ("ce-type", "org.camaraproject.device-roaming-status-subscriptions.v0.roaming-status")
      })
  }

  @Test func ordersCountUnlessTheyAreToOneAlone() async throws {
    let world = try EventTests.World()
    let id = try world.subscribe(
      "device-roaming-status-subscriptions", "roaming-on", #"{"device": {"phoneNumber": "+33639980001"}}"#,
      #", "subscriptionMaxEvents": 2"#)
    _ = try Self.order(#"{"phoneNumber": "+33639980001", "type": "roaming-on", "count": 5}"#, in: world)
    #expect(try await world.told() == ["roaming-on", "roaming-on", #"subscription-ended 208 "MAX_EVENTS_REACHED""#])
    _ = try Self.order(#"{"subscriptionId": "\#(id)", "type": "org.camaraproject.other.v0.thing"}"#, in: world)
    #expect(try await world.told() == ["thing"], "whatever it is subscribed to, and after its end")
  }

  @Test func aLastWordIsCompletedByWhoTells() async throws {
    let world = try EventTests.World()
    let id = try world.subscribe("device-roaming-status-subscriptions", "roaming-on")
    _ = try Self.order(
      #"{"subscriptionId": "\#(id)", "type": "subscription-ended", "data": {"terminationReason": "NETWORK_TERMINATED"}}"#,
      in: world)
    #expect(try await world.told() == [#"subscription-ended 208 "NETWORK_TERMINATED""#])
    let session = try world.send(
      "POST", "/quality-on-demand/v1/sessions",
      #"{"device": {"phoneNumber": "+33639980001"}, "applicationServer": {"ipv4Address": "198.51.100.1"}, "qosProfile": "QOS_E", "duration": 100, "sink": "https://client.example/"}"#
    )
    _ = try await world.told()
    #expect(
      try Self.order(
        #"{"phoneNumber": "+33639980001", "type": "qos-status-changed", "data": {"qosStatus": "UNAVAILABLE"}}"#, in: world)
        == [session["sessionId"]!.string!])
    _ = try await world.told()
    #expect(
      world.events.outbox.log.all.map(\.event.type).map { $0.split(separator: ".").dropFirst(2).joined(separator: ".") } == [
        "device-roaming-status-subscriptions.v0.subscription-ended", "quality-on-demand.v1.qos-status-changed",
        "quality-on-demand.v1.qos-status-changed",
      ])
  }

  @Test(arguments: [
    #"{}"#, #"{"phoneNumber": "+33639980001"}"#, #"{"type": "roaming-on"}"#, #"{"phoneNumber": "+1", "type": "x", "count": 0}"#,
    #"{"phoneNumber": "+1", "type": "x", "mode": "batched"}"#, #"{"phoneNumber": "+1", "type": "x", "data": []}"#,
    #"{"phoneNumber": "+1", "type": "x", "tpye": "y"}"#,
  ])
  func anOrderThatCannotBeUnderstoodIsRefused(_ text: String) throws {
    let value = try JSONDocument(Array(text.utf8)).root
    #expect(throws: DocumentError.self) { try EventOrder(value) }
  }

  @Test(arguments: [
    #"{}"#, #"{"act": "fly"}"#, #"{"type": "6G"}"#, #"{"connectivity": ["VOICE"]}"#, #"{"roaming": {}}"#, #"{"battery": 3}"#,
  ])
  func aChangeThatCannotBeUnderstoodIsRefused(_ text: String) throws {
    let value = try JSONDocument(Array(text.utf8)).root
    #expect(throws: DocumentError.self) { try PhoneChange(value, now: Timestamp(seconds: 0)) }
  }

  @Test func changesComeOneUponAnother() throws {
    let world = try EventTests.World()
    try world.change(#"{"act": "go-abroad"}"#)
    try world.change(#"{"type": "2G"}"#)
    let answer = try world.send(
      "POST", "/device-roaming-status/v1/retrieve", #"{"device": {"phoneNumber": "+33639980001"}}"#)
    #expect(answer["roaming"]?.boolean == true && answer["countryCode"]?.integer == 214)
    let type = try world.send(
      "POST", "/connected-network-type/v0.2/retrieve", #"{"device": {"phoneNumber": "+33639980001"}}"#)
    #expect(type["connectedNetworkType"]?.string == "2G" && type["lastStatusTime"]?.string == world.time.now().rfc3339)
    world.kept.phones.restore("+33639980001")
    let home = try world.send(
      "POST", "/device-roaming-status/v1/retrieve", #"{"device": {"phoneNumber": "+33639980001"}}"#)
    #expect(home["roaming"]?.boolean == false)
  }

  private static func script(_ text: String) throws -> EventScript {
    try EventScript(JSONDocument(Array(text.utf8)).root, numbers: ["+1", "+33639980001"], now: Timestamp(seconds: 0))
  }

  @Test func aScriptIsReadInTheOrderOfItsTimes() throws {
    let script = try Self.script(
      #"{"every": "10s", "steps": [{"at": "5s", "phoneNumber": "+1", "change": {"act": "go-abroad"}}, {"at": "1s", "event": {"phoneNumber": "+1", "type": "swapped"}}]}"#
    )
    #expect(!script.isEnabled && script.lapSeconds == 10 && script.steps.map(\.seconds) == [1, 5])
  }

  @Test(arguments: [
    #"{"every": "4s", "steps": [{"at": "5s", "phoneNumber": "+1", "change": {"act": "go-abroad"}}]}"#,
    #"{"steps": [{"at": "5s", "phoneNumber": "+1", "change": {"act": "fly"}}]}"#, #"{"steps": [{"at": "5s"}]}"#,
    #"{"steps": [{"event": {"phoneNumber": "+1", "type": "swapped"}}]}"#, #"{"enabled": true}"#,
    #"{"steps": [{"at": "5s", "phoneNumber": "+2", "change": {"act": "go-abroad"}}]}"#,
    #"{"steps": [{"at": "5s", "event": {"phoneNumber": "+2", "type": "swapped"}}]}"#,
  ])
  func aScriptThatCannotBeUnderstoodIsRefused(_ text: String) throws {
    #expect(throws: DocumentError.self) { try Self.script(text) }
  }

  @Test func theShippedScriptIsOff() throws {
    let script = try #require(try SimulatedOperator.shipped().script)
    #expect(!script.isEnabled && script.steps.count == 7)
  }

  @Test func aScriptsStepsLeadToEvents() async throws {
    let world = try EventTests.World()
    _ = try world.subscribe("device-roaming-status-subscriptions", "roaming-on")
    let clock = EventClock(data: world.data, kept: world.kept, events: world.events, time: world.time)
    for step in try Self.script(#"{"steps": [{"at": "0s", "phoneNumber": "+33639980001", "change": {"act": "go-abroad"}}]}"#)
      .steps
    {
      clock.take(step.act)
    }
    #expect(try await world.told() == ["roaming-on"])
  }
}

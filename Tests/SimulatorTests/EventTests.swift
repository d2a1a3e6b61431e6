import Bytes
import Synchronization
import Testing
import Wire

@testable import Simulator

/// What the sinks are told, and what not. Each event against CAMARA's documents: `EndToEnd/test_simulator_events.py`.
@Suite struct EventTests {
  /// The shipped operator, a clock that is moved by hand, and sinks that are a list.
  final class World: @unchecked Sendable {
    let time = ManualTime(Timestamp(rfc3339: "2026-11-21T12:00:00Z")!)
    let data: SimulatedOperator
    let kept = KeptResources(maximum: 100)
    let sinks = SinkList()
    let events: OperatorEvents
    private let router = Router(Routes.all)
    private let loop: EventLoop

    init() throws {
      data = try SimulatedOperator.shipped(now: time.now())
      loop = try EventLoop(index: 0, time: time)
      events = OperatorEvents(data: data, kept: kept, carrier: sinks, time: time, firstWaitSeconds: 0.001) { work in
        Task { await work() }
      }
    }

    /// The JSON of the answer to a call that succeeds.
    func send(_ method: String, _ target: String, _ body: String = "") throws -> JSONValue {
      let request = HTTPRequest(method: method, target: target, fields: [], body: Array(body.utf8), loop: loop)
      let match = try router.find(method, request.path)
      let answer = try match.route.handler(Call(request, match.parameters, data, kept, now: time.now()))
      return try JSONDocument(answer.body?.bytes ?? Array("{}".utf8)).root
    }

    func subscribe(
      _ api: String, _ kind: String, _ detail: String = #"{"device": {"phoneNumber": "+33639980001"}}"#, _ config: String = ""
    ) throws -> String {
      let base = try #require(Routes.all.first { $0.name == api }).basePath
      let made = try send(
        "POST", base + "/subscriptions",
        #"{"protocol": "HTTP", "sink": "https://client.example/", "types": ["org.camaraproject.\#(api).v0.\#(kind)"], "config": {"subscriptionDetail": \#(detail)\#(config)}}"#
      )
      return try #require(made["id"]?.string)
    }

    func change(_ text: String, of number: String = "+33639980001") throws {
      kept.phones.change(number, try PhoneChange(JSONDocument(Array(text.utf8)).root, now: time.now()))
    }

    /// Kinds and data of what the sinks have got after a look.
    func told() async throws -> [String] {
      events.look()
      for _ in 0..<2000 where events.outbox.log.all.contains(where: { $0.outcome == .waiting }) {
        try await Task.sleep(for: .milliseconds(1))
      }
      return sinks.take()
    }
  }

  /// Answers 204, or what it was told to, and keeps what came.
  final class SinkList: EventCarrier {
    private let state = Mutex<(got: [String], answers: [Int?])>(([], []))

    func answer(_ statuses: Int?...) { state.withLock { $0.answers = statuses } }

    func take() -> [String] {
      state.withLock { state in
        defer { state.got = [] }
        return state.got
      }
    }

    func post(
      to address: WebAddress, fields: [(name: String, value: String)], body: [UInt8]
    ) async throws(WebFailure) -> HTTPResponse {
      let status = state.withLock { state -> Int? in
        state.got.append(Self.short(fields, body))
        return state.answers.isEmpty ? 204 : state.answers.removeFirst()
      }
      guard let status else { throw .unreachable }
      return HTTPResponse(status: status)
    }

    private static func short(_ fields: [(name: String, value: String)], _ body: [UInt8]) -> String {
      let event = try? JSONDocument(body).root
      let type = event?["type"]?.string ?? fields.first { $0.name == "ce-type" }?.value ?? ""
      let data = event?["data"] ?? event
      let words = ["roaming", "countryCode", "connectedNetworkType", "terminationReason", "qosStatus", "statusInfo", "status"]
      let values = words.compactMap { data?[$0].map { String(decoding: $0.raw, as: UTF8.self) } }
      return ([String(type.split(separator: ".").last ?? "")] + values).joined(separator: " ")
    }
  }

  @Test(arguments: [
    ("device-roaming-status-subscriptions", "roaming-on", "{}", ["roaming-on"]),
    ("device-roaming-status-subscriptions", "roaming-off", "{}", ["roaming-off"]),
    (
      "device-roaming-status-subscriptions", "roaming-status", "{}",
      ["roaming-status true 214", "roaming-status true 268", "roaming-status false"]
    ),
    ("device-roaming-status-subscriptions", "roaming-change-country", "{}", ["roaming-change-country 268"]),
    ("device-reachability-status-subscriptions", "reachability-data", "{}", ["reachability-data"]),
    ("device-reachability-status-subscriptions", "reachability-sms", "{}", ["reachability-sms"]),
    ("device-reachability-status-subscriptions", "reachability-disconnected", "{}", ["reachability-disconnected"]),
    (
      "connected-network-type-subscriptions", "network-type-changed", "{}",
      [#"network-type-changed "UNKNOWN""#, #"network-type-changed "3G""#, #"network-type-changed "5G""#]
    ),
    ("sim-swap-subscriptions", "swapped", "{}", ["swapped"]),
    ("geofencing-subscriptions", "area-left", "{}", ["area-left"]),
    ("geofencing-subscriptions", "area-entered", "{}", ["area-entered"]),
  ])
  func whatHappensToAPhoneIsTold(_ api: String, _ kind: String, _ config: String, _ expected: [String]) async throws {
    let world = try World()
    let area = #""area": {"areaType": "CIRCLE", "center": {"latitude": 48.8566, "longitude": 2.3522}, "radius": 2000}"#
    let named =
      api == "sim-swap-subscriptions" ? #""phoneNumber": "+33639980001""# : #""device": {"phoneNumber": "+33639980001"}"#
    _ = try world.subscribe(api, kind, "{\(named)\(api.hasPrefix("geo") ? ", " + area : "")}")
    var told = try await world.told()
    #expect(told.isEmpty, "nothing has happened yet")
    for act in [
      "go-abroad", "go-further", "come-home", "switch-off", "sms-only", "switch-on", "swap-sim", "to-lyon", "to-paris",
    ] {
      world.time.advance(seconds: 1)
      try world.change(#"{"act": "\#(act)"}"#)
      told += try await world.told()
    }
    try world.change(#"{"type": "5G"}"#)
    told += try await world.told()
    #expect(told == expected)
    try world.change(#"{"act": "go-abroad"}"#, of: "+33639980002")
    #expect(try await world.told() == [], "another one's phone")
  }

  @Test func whatIsSoAlreadyIsToldAtOnceWhenThatIsWanted() async throws {
    let world = try World()
    let initial = #", "initialEvent": true, "subscriptionMaxEvents": 2"#
    let roaming = #"{"device": {"phoneNumber": "+33639980003"}}"#
    _ = try world.subscribe("device-roaming-status-subscriptions", "roaming-on", roaming, initial)
    #expect(try await world.told() == ["roaming-on"])
    #expect(try await world.told() == [], "it is told once")
    _ = try world.subscribe("device-roaming-status-subscriptions", "roaming-off", roaming, initial)
    #expect(try await world.told() == [], "it is not so")
  }

  @Test func theInitialEventCountsAndTheLastOneEndsIt() async throws {
    let world = try World()
    let id = try world.subscribe(
      "connected-network-type-subscriptions", "network-type-changed", #"{"device": {"phoneNumber": "+33639980001"}}"#,
      #", "initialEvent": true, "subscriptionMaxEvents": 2"#)
    #expect(try await world.told() == [#"network-type-changed "3G""#])
    try world.change(#"{"type": "5G"}"#)
    #expect(
      try await world.told() == [#"network-type-changed "5G""#, #"subscription-ended "MAX_EVENTS_REACHED""#])
    #expect(try world.kept.subscriptions.find(id, at: world.time.now()).isOver)
    try world.change(#"{"type": "4G"}"#)
    #expect(try await world.told() == [])
  }

  @Test func eachEndHasItsReason() async throws {
    let world = try World()
    _ = try world.subscribe(
      "sim-swap-subscriptions", "swapped", #"{"phoneNumber": "+33639980001"}"#,
      #", "subscriptionExpireTime": "2026-11-21T12:01:00Z""#)
    world.time.advance(seconds: 60)
    #expect(try await world.told() == [#"subscription-ended "SUBSCRIPTION_EXPIRED""#])
    let id = try world.subscribe("device-roaming-status-subscriptions", "roaming-on")
    _ = try world.send("DELETE", "/device-roaming-status-subscriptions/v0.8/subscriptions/" + id)
    #expect(try await world.told() == [#"subscription-ended 208 "SUBSCRIPTION_DELETED""#])
    _ = try world.send(
      "POST", "/sim-swap-subscriptions/v0.3/subscriptions",
      #"{"protocol": "HTTP", "sink": "https://client.example/", "sinkCredential": {"credentialType": "ACCESSTOKEN", "accessToken": "t", "accessTokenExpiresUtc": "2026-11-21T12:01:30Z", "accessTokenType": "bearer"}, "types": ["org.camaraproject.sim-swap-subscriptions.v0.swapped"], "config": {"subscriptionDetail": {"phoneNumber": "+33639980001"}}}"#
    )
    world.time.advance(seconds: 27)
    #expect(try await world.told() == [])
    world.time.advance(seconds: 1)
    #expect(try await world.told() == [#"subscription-ended "ACCESS_TOKEN_EXPIRED""#], "while the token is still good")
  }

  @Test func aSessionTellsItsStates() async throws {
    let world = try World()
    let body =
      #"{"device": {"phoneNumber": "+33639980001"}, "applicationServer": {"ipv4Address": "198.51.100.1"}, "qosProfile": "QOS_E", "duration": 100, "sink": "https://client.example/"}"#
    let path = "/quality-on-demand/v1/sessions"
    var made = try world.send("POST", path, body)
    #expect(try await world.told() == [#"qos-status-changed "AVAILABLE""#])
    _ = try world.send("DELETE", path + "/" + made["sessionId"]!.string!)
    #expect(try await world.told() == [#"qos-status-changed "UNAVAILABLE" "DELETE_REQUESTED""#])
    made = try world.send("POST", path, body)
    world.time.advance(seconds: 100)
    #expect(
      try await world.told() == [
        #"qos-status-changed "AVAILABLE""#, #"qos-status-changed "UNAVAILABLE" "DURATION_EXPIRED""#,
      ], "both, though nobody looked between")
  }

  @Test func aPaymentTellsWhatItHasComeToThoughAtOnce() async throws {
    let world = try World()
    func payment(_ number: String, _ path: String) throws -> JSONValue {
      try world.send(
        "POST", "/carrier-billing/v0.5/payments" + path,
        #"{"amountTransaction": {"phoneNumber": "\#(number)", "referenceCode": "r", "paymentAmount": {"chargingInformation": {"amount": 1, "currency": "EUR", "description": "A song"}}}, "sink": "https://client.example/"}"#
      )
    }
    _ = try payment("+33639980001", "")
    #expect(try await world.told() == [#"payment-completed "succeeded""#])
    let reserved = try payment("+33639980001", "/prepare")["paymentId"]!.string!
    #expect(try await world.told() == [#"payment-reserved "succeeded""#])
    _ = try world.send("POST", "/carrier-billing/v0.5/payments/\(reserved)/cancel", "{}")
    #expect(try await world.told() == [#"payment-cancelled "succeeded""#])
    _ = try payment("+33639980016", "")
    #expect(try await world.told() == [])
    world.time.advance(seconds: 2)
    #expect(try await world.told() == [#"payment-completed "succeeded""#])
    _ = try payment("+33639980018", "")
    world.time.advance(seconds: 2)
    #expect(try await world.told() == [#"payment-denied "failed""#])
  }

  @Test func whatASinkDoesNotTakeComesAgainInOrder() async throws {
    let world = try World()
    let id = try world.subscribe("device-roaming-status-subscriptions", "roaming-status")
    world.sinks.answer(500, nil, 429, 204)
    try world.change(#"{"act": "go-abroad"}"#)
    world.events.look()
    try world.change(#"{"act": "come-home"}"#)
    #expect(
      try await world.told() == Array(repeating: "roaming-status true 214", count: 4) + ["roaming-status false"])
    let log = world.events.outbox.log.all
    #expect(log.map(\.attempts) == [4, 1] && log.allSatisfy { $0.outcome == .delivered && $0.resource == id })
  }

  @Test func manyWaitInOneLine() async throws {
    let world = try World()
    let id = try world.subscribe("device-roaming-status-subscriptions", "roaming-status")
    world.sinks.answer(nil)
    let order = try EventOrder(JSONDocument(Array(#"{"subscriptionId": "\#(id)", "type": "swapped", "count": 500}"#.utf8)).root)
    _ = order.carryOut(world.events, world.kept, world.data.settings.country, at: world.time.now())
    #expect(try await world.told().count == 501, "the first one twice")
    #expect(world.events.outbox.log.all.allSatisfy { $0.outcome == .delivered })
  }

  @Test func whatNobodyTakesIsGivenUp() async throws {
    let world = try World()
    _ = try world.subscribe("device-roaming-status-subscriptions", "roaming-status")
    world.sinks.answer(500, 500, nil, nil, 503, 503, 429, 429, 408, 425)
    try world.change(#"{"act": "go-abroad"}"#)
    #expect(try await world.told().count == 10)
    try world.change(#"{"act": "come-home"}"#)
    #expect(try await world.told() == ["roaming-status false"], "and the next one has its turn")
    #expect(world.events.outbox.log.all.map(\.outcome) == [.failed, .delivered])
  }

  @Test func aSinkThatIsGoneEndsIt() async throws {
    let world = try World()
    let id = try world.subscribe("device-roaming-status-subscriptions", "roaming-status")
    world.sinks.answer(410)
    try world.change(#"{"act": "go-abroad"}"#)
    #expect(try await world.told() == ["roaming-status true 214"])
    try world.change(#"{"act": "come-home"}"#)
    #expect(try await world.told() == [])
    #expect(try world.kept.subscriptions.find(id, at: world.time.now()).progress.status == "EXPIRED")
  }

  @Test func aMistakeOfOursIsNotRepeated() async throws {
    let world = try World()
    _ = try world.subscribe("device-roaming-status-subscriptions", "roaming-status")
    world.sinks.answer(400)
    try world.change(#"{"act": "go-abroad"}"#)
    #expect(try await world.told().count == 1)
    #expect(world.events.outbox.log.all.map(\.outcome) == [.failed])
  }
}

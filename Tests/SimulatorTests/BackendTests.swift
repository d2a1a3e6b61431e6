import Bytes
import Testing
import Wire

@testable import Simulator

/// What the backends answer, and what time does to it. All operations, against CAMARA's documents, are in
/// `EndToEnd/test_simulator.py`.
@Suite struct BackendTests {
  /// The shipped operator with a clock that is moved by hand.
  private final class World {
    var now = Timestamp(rfc3339: "2026-11-21T12:00:00Z")!
    private let data: SimulatedOperator
    private let kept = KeptResources(maximum: 100)
    private let router = Router(Routes.all)
    private let loop: EventLoop

    init() throws {
      data = try SimulatedOperator.shipped(now: now)
      loop = try EventLoop(index: 0, time: SystemTime())
    }

    /// The status and the JSON of the answer.
    func send(
      _ method: String, _ target: String, _ body: String = "", fields: [(name: String, value: String)] = []
    ) throws -> (status: Int, json: JSONValue?) {
      let request = HTTPRequest(method: method, target: target, fields: fields, body: Array(body.utf8), loop: loop)
      let answer: Answer
      do throws(BackendError) {
        let match = try router.find(method, request.path)
        answer = try match.route.handler(Call(request, match.parameters, data, kept, now: now))
      } catch { answer = error.answer }
      return (answer.status, try answer.body.map { try JSONDocument($0.bytes).root })
    }

    func advance(_ seconds: Int64) { now = now.adding(seconds: seconds) }

    var lastMessage: String { kept.messages.all(at: now).last?.text ?? "" }
  }

  private static let alice = #"{"device": {"phoneNumber": "+33639980001"}}"#

  @Test(arguments: [
    (#"{}"#, 422, "MISSING_IDENTIFIER"), (#"{"device": {}}"#, 400, "INVALID_ARGUMENT"),
    (#"{"device": 5}"#, 400, "INVALID_ARGUMENT"),
    ("", 400, "INVALID_ARGUMENT"), ("[]", 400, "INVALID_ARGUMENT"),
    (#"{"device": {"phoneNumber": "06"}}"#, 400, "INVALID_ARGUMENT"),
    (#"{"device": {"networkAccessIdentifier": "x"}}"#, 422, "UNSUPPORTED_IDENTIFIER"),
    (#"{"device": {"ipv4Address": {"publicAddress": "192.0.2.1"}}}"#, 400, "INVALID_ARGUMENT"),
    (#"{"device": {"phoneNumber": "+33639980090"}}"#, 404, "IDENTIFIER_NOT_FOUND"),
    (#"{"device": {"phoneNumber": "+33639980091"}}"#, 422, "SERVICE_NOT_APPLICABLE"),
    (#"{"device": {"phoneNumber": "+33639980094"}}"#, 500, "INTERNAL"),
  ])
  func whoCannotBeServedIsToldWhy(_ body: String, _ status: Int, _ code: String) throws {
    let answer = try World().send("POST", "/device-roaming-status/v1/retrieve", body)
    #expect(answer.status == status && answer.json?["code"]?.string == code && answer.json?["status"]?.integer == status)
  }

  @Test func theGatewaysFieldNamesTheSubscriber() throws {
    let world = try World()
    let answer = try world.send(
      "GET", "/number-verification/v2/device-phone-number", fields: [("x-phone-number", "+33639980001")])
    #expect(answer.json?["devicePhoneNumber"]?.string == "+33639980001")
    #expect(try world.send("GET", "/number-verification/v2/device-phone-number").status == 403)
  }

  @Test func aPhoneComesAndGoes() throws {
    let world = try World()
    var seen: Set<String> = []
    for _ in 0..<6 {
      let answer = try world.send(
        "POST", "/device-reachability-status/v1/retrieve", #"{"device": {"phoneNumber": "+33639980009"}}"#)
      seen.insert(String(decoding: answer.json?["connectivity"]?.raw ?? [], as: UTF8.self))
      let time = try #require(answer.json?["lastStatusTime"]?.string.flatMap { Timestamp(rfc3339: $0) })
      #expect(time <= world.now)
      world.advance(60)
    }
    #expect(seen == [#"["DATA","SMS"]"#, #"["SMS"]"#, ""])
  }

  @Test func aSessionEndsAndIsForgotten() throws {
    let world = try World()
    let body =
      #"{"device": {"phoneNumber": "+33639980001"}, "applicationServer": {"ipv4Address": "198.51.100.1"}, "qosProfile": "QOS_E", "duration": 100}"#
    let made = try world.send("POST", "/quality-on-demand/v1/sessions", body)
    let path = "/quality-on-demand/v1/sessions/" + (made.json?["sessionId"]?.string ?? "")
    #expect(made.status == 201 && made.json?["expiresAt"]?.string == world.now.adding(seconds: 100).rfc3339)
    world.advance(100)
    #expect(try world.send("GET", path).json?["statusInfo"]?.string == "DURATION_EXPIRED")
    #expect(try world.send("POST", "/quality-on-demand/v1/sessions", body).status == 409, "it has to be deleted first")
    world.advance(360)
    #expect(try world.send("GET", path).status == 404)
    #expect(try world.send("POST", "/quality-on-demand/v1/sessions", body).status == 201)
  }

  @Test func aCodeExpires() throws {
    let world = try World()
    let sent = try world.send(
      "POST", "/one-time-password-sms/v1/send-code", #"{"phoneNumber": "+33639980001", "message": "{{code}}"}"#)
    let body = #"{"authenticationId": "\#(sent.json?["authenticationId"]?.string ?? "")", "code": "\#(world.lastMessage)"}"#
    world.advance(300)
    let answer = try world.send("POST", "/one-time-password-sms/v1/validate-code", body)
    #expect(answer.status == 400 && answer.json?["code"]?.string == "ONE_TIME_PASSWORD_SMS.VERIFICATION_EXPIRED")
  }

  private static func purchase(_ number: String, _ amount: String) -> String {
    #"{"amountTransaction": {"phoneNumber": "\#(number)", "referenceCode": "r", "paymentAmount": {"chargingInformation": {"amount": \#(amount), "currency": "EUR", "description": "d"}}}}"#
  }

  @Test func aReservationLapses() throws {
    let world = try World()
    let made = try world.send("POST", "/carrier-billing/v0.5/payments/prepare", Self.purchase("+33639980016", "5"))
    let path = "/carrier-billing/v0.5/payments/" + (made.json?["paymentId"]?.string ?? "")
    #expect(made.json?["paymentStatus"]?.string == "processing")
    world.advance(2)
    #expect(try world.send("GET", path).json?["paymentStatus"]?.string == "reserved")
    world.advance(900)
    #expect(try world.send("GET", path).json?["paymentStatus"]?.string == "cancelled")
    #expect(try world.send("POST", path + "/confirm", "{}").json?["code"]?.string == "CARRIER_BILLING.PAYMENT_CANCELLED")
  }

  /// What is denied or cancelled does not count towards the limit.
  @Test func whatIsBoughtAddsUp() throws {
    let world = try World()
    func buy(_ amount: String) throws -> Int {
      try world.send("POST", "/carrier-billing/v0.5/payments", Self.purchase("+33639980018", amount)).status
    }
    #expect(try buy("200") == 201)
    #expect(try buy("200") == 201)
    #expect(try buy("100.001") == 422)
    world.advance(2)
    #expect(try buy("200") == 201, "the first two were denied meanwhile")
  }

  @Test func aSubscriptionExpires() throws {
    let world = try World()
    let made = try world.send(
      "POST", "/sim-swap-subscriptions/v0.3/subscriptions",
      #"{"protocol": "HTTP", "sink": "https://client.example/", "types": ["org.camaraproject.sim-swap-subscriptions.v0.swapped"], "config": {"subscriptionDetail": {"phoneNumber": "+33639980001"}, "subscriptionExpireTime": "2026-11-21T13:00:00Z"}}"#
    )
    let path = "/sim-swap-subscriptions/v0.3/subscriptions/" + (made.json?["id"]?.string ?? "")
    world.advance(3600)
    #expect(try world.send("GET", path).json?["status"]?.string == "EXPIRED")
    // An id of one API is none of another's.
    #expect(try world.send("GET", path.replacing("sim-swap-subscriptions/v0.3", with: "webrtc-events/v0.2")).status == 404)
    world.advance(3600)
    #expect(try world.send("GET", path).status == 404)
  }

  @Test func theSinksCredentialIsNeverRepeated() throws {
    let answer = try World().send(
      "POST", "/qos-provisioning/v0.3/qos-assignments",
      #"{"device": {"phoneNumber": "+33639980001"}, "qosProfile": "QOS_E", "sink": "https://client.example/", "sinkCredential": {"credentialType": "ACCESSTOKEN", "accessToken": "secret", "accessTokenExpiresUtc": "2030-01-01T00:00:00Z", "accessTokenType": "bearer"}}"#
    )
    #expect(answer.status == 201 && answer.json?["sinkCredential"] == nil)
    let text = String(decoding: answer.json?.raw ?? [], as: UTF8.self)
    #expect(!text.contains("secret"))
  }
}

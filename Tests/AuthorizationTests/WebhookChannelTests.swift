import Bytes
import Identifiers
import Testing

@testable import Authorization

/// What leaves for the operator's webhooks: the allowed fields and nothing else.
@Suite struct WebhookChannelTests {
  private let time = ManualTime()

  private func question(_ languages: [String] = ["fr"]) -> SubscriberQuestion {
    SubscriberQuestion(
      number: MSISDN(e164: "+33612345678")!, address: "https://as.example/consent?interaction=h", handle: "h",
      clientName: "Example \"Bank\"", purpose: TestServer.purpose, languages: languages,
      expiresAt: time.now().adding(seconds: 300))
  }

  @Test func theUsualFields() async throws {
    let server = try FakeOperator(202)
    try await WebhookChannel(service: try server.service(token: "t"), time: time).ask(question())
    #expect(
      server.bodies == [
        #"{"phoneNumber":"+33612345678","link":"https://as.example/consent?interaction=h","expiresIn":300}"#
      ])
    #expect(server.requests.first?.field("authorization") == "Bearer t")
  }

  @Test func allFieldsAndFew() async throws {
    let server = try FakeOperator(204)
    let service = try server.service()
    try await WebhookChannel(service: service, allowed: Set(WebhookChannel.Field.allCases), time: time).ask(question([]))
    try await WebhookChannel(service: service, allowed: [.link], time: time).ask(question())
    let link = #""link":"https://as.example/consent?interaction=h""#
    #expect(
      server.bodies == [
        #"{"phoneNumber":"+33612345678",\#(link),"clientName":"Example \"Bank\"","purpose":"dpv:FraudPreventionAndDetection","expiresIn":300,"language":"en"}"#,
        "{\(link)}",
      ])
  }

  @Test(arguments: [302, 400, 401, 500]) func aRefusalIsAFailure(status: Int) async throws {
    let server = try FakeOperator(status)
    let channel = WebhookChannel(service: try server.service("the channel to subscribers"), time: time)
    let failure = await #expect(throws: SubscriberChannelFailure.self) { try await channel.ask(question()) }
    #expect(failure?.reason == "the channel to subscribers answers with status \(status)")
  }

  @Test(arguments: [
    ("+33612345678", "+33612345678"), ("+33 6 12 34 56 78", "+33612345678"), ("+33.6-12/34(56)78", "+33612345678"),
    ("0033612345678", "+33612345678"), ("06 12 34 56 78", "+33612345678"), ("0612345678", "+33612345678"), ("612345678", nil),
    ("+0612345678", nil), ("", nil), ("+33 6 12 34 56 78 90 12 34", nil), ("+33612345678x", nil), ("٠٦١٢٣٤٥٦٧٨", nil),
    (String(repeating: " ", count: 100) + "+33612345678", nil),
  ])
  func numbersAsPeopleTypeThem(text: String, number: String?) {
    #expect(TypedNumber.read(text, countryCode: "33")?.e164 == number)
    if text.hasPrefix("06") { #expect(TypedNumber.read(text, countryCode: nil) == nil) }
  }

  @Test func codesAreSixDigits() {
    for _ in 0..<1000 {
      let code = OneTimeCodes.random()
      #expect(code.utf8.count == 6 && code.utf8.allSatisfy { (0x30...0x39).contains($0) })
    }
  }
}

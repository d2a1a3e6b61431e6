import Bytes
import Identifiers
import JOSE
import Store
import Testing
import Wire

@testable import Administration

@Suite("The operator's page of subscriptions")
struct SubscriptionsPageTests {
  @Test("it tells counts, queues and failures, escaped, and neither secrets nor subscribers")
  func page() async throws {
    let world = try World()
    let site = AuditorSite(api: world.api, token: "right-token-of-the-api", isSecure: false)
    guard case .opened(let session) = site.sessions.signIn("right-token-of-the-api", from: "a") else {
      Issue.record("not opened"); return
    }
    let empty = String(decoding: try await site.subscriptions(session).body, as: UTF8.self)
    #expect(empty.contains("There is no subscription.") && empty.contains("No event waits"))
    #expect(empty.contains("No event was given up."))
    let subject = try await world.stores.subjects.findOrCreate(MSISDN(e164: "+33639980001")!)
    let record = SubscriptionRecord(
      id: "<a>", kind: "k&<i>", api: APIName(rawValue: "api")!, version: "v1", operation: OperationID(rawValue: "o")!,
      client: ClientID(rawValue: "<client>")!, subject: subject, isNamedByClient: true, grantedAt: nil, purpose: nil, scopes: [],
      types: [], sink: "https://app.example/the-secret", credential: .accessToken("the-secret", expiresAt: Timestamp(seconds: 0)),
      createdAt: Timestamp(seconds: 1_700_000_000), eventsMaximum: 10)
    try await world.stores.subscriptions.insert(record, secret: SHA256.digest([1]))
    let event = QueuedEvent(
      subscription: "<a>", eventID: "1", source: "s", type: "t", time: Timestamp(seconds: 1), data: Array("the-secret".utf8),
      isLifecycle: false, acceptedAt: Timestamp(seconds: 1_700_000_000), dueAt: Timestamp(seconds: 1))
    #expect(try await world.stores.events.accept(event, waitingMaximum: 9, totalMaximum: 9) == .queued)
    try await world.stores.events.putOff(
      world.stores.events.first("<a>", limit: 1)[0], dueAt: Timestamp(seconds: 2), failure: "<503>")
    var dead = event
    (dead.eventID, dead.type) = ("2", "t<u>")
    #expect(try await world.stores.events.accept(dead, waitingMaximum: 9, totalMaximum: 9) == .queued)
    try await world.stores.events.bury(
      world.stores.events.first("<a>", limit: 2)[1], failure: "<410>", at: Timestamp(seconds: 1_700_000_004))
    let answer = try await site.subscriptions(session)
    let html = String(decoding: answer.body, as: UTF8.self)
    for text in [
      "&lt;a&gt;", "k&amp;&lt;i&gt;", "&lt;client&gt;", "https://app.example<", "&lt;503&gt;, 1 time", "1 of 10", "t&lt;u&gt;",
      "&lt;410&gt;",
    ] {
      #expect(html.contains(text), "\(text)")
    }
    for text in ["<a>", "<i>", "<client>", "<503>", "<410>", "<u>", "the-secret", subject.rawValue] {
      #expect(!html.contains(text), "\(text)")
    }
  }

  @Test("nobody sees it who has not signed in")
  func signedOut() async throws {
    let world = try World()
    let site = AuditorSite(api: world.api, token: "right-token-of-the-api", isSecure: false)
    let request = HTTPRequest(method: "GET", target: "/auditor/subscriptions", fields: [], body: [], loop: world.loop)
    let html = String(decoding: await site.respond(to: request).body, as: UTF8.self)
    #expect(html.contains("Sign in") && !html.contains("Longest queues"))
  }
}

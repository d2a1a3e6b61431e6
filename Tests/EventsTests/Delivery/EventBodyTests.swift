import Bytes
import Testing

@testable import Events

/// Under which source and id an event leaves.
@Suite struct EventBodyTests {
  private let world: World

  init() async throws {
    world = try await World()
    try await world.agree()
  }

  /// Source and id of events as their sink sees them.
  private func leaving(_ events: [(source: String, id: String)], of subscription: String = "s1") async throws -> [[String]] {
    try await world.subscribe(subscription)
    let before = world.transport.sent.count
    for event in events {
      try await world.queue(world.event(event.id, of: subscription, source: event.source))
      _ = try await world.take(subscription)
    }
    return world.transport.sent[before...].map { [$0.json?["source"]?.string ?? "", $0.eventID] }
  }

  private func isDigest(_ text: some StringProtocol) -> Bool {
    text.utf8.count == 32 && text.utf8.allSatisfy { Set("0123456789abcdef".utf8).contains($0) }
  }

  /// Either may name a host of the operator's network, or a subscriber, for which no category stands.
  @Test(arguments: [
    "https://core-7.inside.operator.example:8443/+33612345678", "//inside/x", "/sightings/v1/33612345678",
    "urn:msisdn:33612345678",
    "https://gateway.example/sightings/v1?source=x", "?33612345678",
  ])
  func neitherSaysAnythingOfTheBackend(_ text: String) async throws {
    let event = try #require(try await leaving([(text, text)]).first)
    let prefix = "https://gateway.example/sightings/v1?source="
    #expect(event[0].hasPrefix(prefix) && isDigest(event[0].dropFirst(prefix.utf8.count)) && isDigest(event[1]))
    let body = String(decoding: try #require(world.transport.sent.first).body, as: UTF8.self)
    #expect(!body.contains("inside") && !body.contains(#"/33612345678"#) && !body.contains("urn:"))
    #expect(!world.ledgerText.contains("33612345678") && !world.ledgerText.contains("inside"))
  }

  /// By both together a client knows an event that came twice (CloudEvents, section 3.1.1).
  @Test func differentOnesStayDifferentAndEqualOnesEqual() async throws {
    let given = [("/a", "1"), ("/b", "1"), ("/a", "2"), ("/a 1", "1"), ("/a", "1 1"), ("/a 1 1", "1")]
    let first = try await leaving(given.map { (source: $0.0, id: $0.1) })
    #expect(first.count == 6 && Set(first).count == 6 && Set(first.map { $0[1] }).count == 6)
    #expect(first[0][0] == first[2][0] && first[0][0] == first[4][0] && Set(first.map { $0[0] }).count == 4)
    let second = try await leaving(given.map { (source: $0.0, id: $0.1) }, of: "s2")
    #expect(Set(first.joined()).isDisjoint(with: second.joined()), "nobody can try them out, nor compare two subscriptions")
  }

  @Test func eachTryHasTheSame() async throws {
    world.transport.answer(.refused(status: 503, retryAfterSeconds: nil))
    _ = try await leaving([("/a", "1")])
    world.transport.answer(.accepted)
    _ = try await world.take()
    let sent = world.transport.sent
    #expect(
      sent.count == 2 && sent[0].eventID == sent[1].eventID && sent[0].json?["source"]?.string == sent[1].json?["source"]?.string)
  }
}

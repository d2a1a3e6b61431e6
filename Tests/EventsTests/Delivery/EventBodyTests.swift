import Bytes
import Testing

@testable import Events

/// Under which source an event leaves.
@Suite struct EventBodyTests {
  private let world: World

  init() async throws {
    world = try await World()
    try await world.agree()
  }

  /// The sources of events as their sink sees them.
  private func sources(_ sources: [String], of subscription: String = "s1") async throws -> [String] {
    try await world.subscribe(subscription)
    let before = world.transport.sent.count
    for (index, source) in sources.enumerated() {
      try await world.queue(world.event("e\(index)", of: subscription, source: source))
      _ = try await world.take(subscription)
    }
    return world.transport.sent[before...].compactMap { $0.json?["source"]?.string }
  }

  @Test func aSourceWithoutAnAuthorityOrWithTheGatewaysOwnLeavesAsItIs() async throws {
    let plain = [
      "/sightings/v1", "a/b", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "mailto:a@b.example", "?x", "urn:x://y",
      "https://gateway.example/x?y", "HTTPS://GATEWAY.example/", "//gateway.example/z",
    ]
    #expect(try await sources(plain) == plain)
  }

  @Test(arguments: [
    "https://core-7.inside.operator.example:8443/x", "//inside/x", "http://10.0.0.7", "x:///etc/passwd",
    "https://gateway.example@inside/x",
    "https://gateway.example:8443/x", "https://gateway.example.inside/", "ftp://inside", "https://u@gateway.example/",
  ])
  func aSourceWithAForeignAuthorityIsReplaced(_ source: String) async throws {
    let leaving = try await sources([source]).first ?? ""
    let prefix = "https://gateway.example/sightings/v1?source="
    #expect(leaving.hasPrefix(prefix) && leaving.utf8.count == prefix.utf8.count + 16)
    #expect(!leaving.contains("inside") && !leaving.contains("10.0.0.7"))
  }

  /// `id` is unique together with the source alone.
  @Test func differentSourcesStayDifferentAndEqualOnesEqual() async throws {
    let given = ["https://a.inside/", "https://b.inside/", "https://a.inside/", "https://a.inside/x"]
    let first = try await sources(given)
    #expect(first[0] == first[2] && Set(first).count == 3)
    let second = try await sources(given, of: "s2")
    #expect(Set(first).isDisjoint(with: second), "nobody can try a source out, nor compare two subscriptions")
  }
}

import Bytes
import Consent
import Policy
import Testing
import Wire

@testable import Gateway

/// What a handler takes over from the one in whose place it comes.
@Suite struct UpstreamsOfHandlersTests {
  private static func upstream(port: Int, weight: Int = 1) -> GatewaySettings.Upstream {
    GatewaySettings.Upstream(
      settings: UpstreamSettings(targets: [.init(UpstreamTarget(host: "127.0.0.1", port: port), weight: weight)]))
  }

  @Test func whatIsTheSameStaysWithItsConnections_whatIsNotIsNew() async throws {
    let gateway = try await TestGateway()
    let first = gateway.handler(upstreams: ["device-identifier": Self.upstream(port: 1), "*": Self.upstream(port: 2)])
    let second = gateway.handler(
      upstreams: ["device-identifier": Self.upstream(port: 1), "*": Self.upstream(port: 2, weight: 2)], replacing: first)
    #expect(second.upstreamsByName["device-identifier"] === first.upstreamsByName["device-identifier"])
    #expect(second.upstreamsByName["*"] !== first.upstreamsByName["*"])
    #expect(second.upstreamStates().map(\.name) == ["*", "device-identifier"])
    #expect(second.upstreamStates().flatMap(\.targets).map(\.target) == ["127.0.0.1:2", "127.0.0.1:1"])
    #expect(second.upstreamStates().flatMap(\.targets).allSatisfy { $0.standing == .healthy && $0.openConnections == 0 })
    first.retireUpstreams(keptBy: second)
    second.retireUpstreams()
  }

  /// Who reloads once a second would otherwise have a line a second.
  @Test func whatTheOperatorWasToldIsNotToldAgainByTheNext() async throws {
    let gateway = try await TestGateway()
    let first = gateway.handler(upstreams: [:])
    #expect(gateway.handler(upstreams: [:], replacing: first).notices === first.notices)
  }

  @Test func theNearestTimeLimitHolds() async throws {
    let gateway = try await TestGateway()
    var named = Self.upstream(port: 1)
    let operation = try #require(gateway.catalogue.operationsByIndex.first { $0.id.rawValue == "retrieveIdentifier" })
    let milliseconds: UInt64 = 1_000_000
    func limit(_ upstreams: [String: GatewaySettings.Upstream]) -> UInt64 {
      let handler = gateway.handler(upstreams: upstreams)
      defer { handler.retireUpstreams() }
      return handler.timeoutsNanoseconds[operation.index]
    }
    #expect(limit([:]) == UInt64(operation.timeoutMilliseconds) * milliseconds)
    #expect(limit(["*": named]) == UInt64(operation.timeoutMilliseconds) * milliseconds)
    named.timeoutMilliseconds = 700
    #expect(limit(["*": named]) == 700 * milliseconds)
    named.operationTimeoutMilliseconds = ["retrieveIdentifier": 300, "retrieveType": 100]
    #expect(limit(["device-identifier": named, "*": Self.upstream(port: 2)]) == 300 * milliseconds)
  }
}

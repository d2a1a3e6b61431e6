import Bytes
import Synchronization
import Testing
import Wire

@testable import Events

/// Events on the wire, and what answers mean.
@Suite struct HTTPTransportTests {
  private let world: World

  init() async throws { world = try await World() }

  private func transport(allowsPlainHTTP: Bool = true, timeoutMilliseconds: Int = 10_000) -> HTTPTransport {
    HTTPTransport(
      client: world.client, timeoutMilliseconds: timeoutMilliseconds, originName: World.origin, allowsPlainHTTP: allowsPlainHTTP)
  }

  private func event(_ sink: String, bearer: String? = nil) -> OutgoingEvent {
    OutgoingEvent(sink: sink, bearer: bearer, correlator: "c-1", body: Array(#"{"id":"e1"}"#.utf8))
  }

  @Test func aPostWithTheEventAndTheToken() async throws {
    let server = try FakeServer(204)
    let sink = server.origin + "/sink?key=1"
    #expect(await transport().send(event(sink, bearer: "the-token"), isStillPermitted: { true }) == .accepted)
    #expect(await transport().send(event(sink), isStillPermitted: { true }) == .accepted)
    let requests = server.requests
    #expect(requests.map(\.method) == ["POST", "POST"] && requests.map(\.target) == ["/sink?key=1", "/sink?key=1"])
    #expect(requests.map { $0.field("content-type") } == .init(repeating: "application/cloudevents+json", count: 2))
    #expect(requests.map { $0.field("authorization") } == ["Bearer the-token", nil])
    #expect(requests[0].field("x-correlator") == "c-1" && requests[0].field("webhook-request-origin") == World.origin)
    #expect(requests.map { String(decoding: $0.body, as: UTF8.self) } == .init(repeating: #"{"id":"e1"}"#, count: 2))
  }

  @Test(arguments: [
    (200, nil, DeliveryOutcome.accepted), (202, nil, .accepted), (299, nil, .accepted), (410, nil, .gone),
    (300, nil, .refused(status: 300, retryAfterSeconds: nil)), (307, nil, .refused(status: 307, retryAfterSeconds: nil)),
    (404, "5", .refused(status: 404, retryAfterSeconds: nil)), (429, "5", .refused(status: 429, retryAfterSeconds: 5)),
    (503, "120", .refused(status: 503, retryAfterSeconds: 120)), (503, "0", .refused(status: 503, retryAfterSeconds: 0)),
    (500, "5", .refused(status: 500, retryAfterSeconds: nil)), (429, nil, .refused(status: 429, retryAfterSeconds: nil)),
    (429, "Fri, 31 Dec 2027 23:59:59 GMT", .refused(status: 429, retryAfterSeconds: nil)),
    (429, "-5", .refused(status: 429, retryAfterSeconds: nil)), (429, "1.5", .refused(status: 429, retryAfterSeconds: nil)),
    (429, "99999999999999999999", .refused(status: 429, retryAfterSeconds: nil)),
    (429, "", .refused(status: 429, retryAfterSeconds: nil)),
  ])
  func answersAndWhatTheyMean(_ status: Int, _ retryAfter: String?, _ outcome: DeliveryOutcome) async throws {
    var fields = [(name: "Location", value: "http://127.0.0.1:1/")]
    if let retryAfter { fields.append((name: "Retry-After", value: retryAfter)) }
    let server = try FakeServer(status, fields)
    #expect(await transport().send(event(server.origin), isStillPermitted: { true }) == outcome)
    #expect(server.requests.count == 1, "redirects are not followed")
  }

  @Test func whatIsNotPermittedAnyMoreIsNotWritten() async throws {
    let server = try FakeServer(204)
    let isAskedOnTheLoop = Mutex(false)
    let outcome = await transport().send(event(server.origin)) { [loop = world.loop] in
      isAskedOnTheLoop.withLock { $0 = loop.isCurrent }
      return false
    }
    #expect(outcome == .notSent && server.requests.isEmpty && isAskedOnTheLoop.withLock { $0 })
  }

  @Test(arguments: ["http://127.0.0.1/", "ftp://a.example/", "no address", "https://u@a.example/", ""])
  func sinksWithoutTLSOrAnAddressAreNotGoneTo(_ sink: String) async {
    let outcome = await transport(allowsPlainHTTP: false).send(event(sink), isStillPermitted: { true })
    #expect(outcome == .failed("bad_address"))
  }

  @Test func whyThereWasNoAnswer() async throws {
    let gate = Gate()
    let slow = try FakeServer { _ in
      await gate.wait()
      return HTTPResponse(status: 204)
    }
    #expect(
      await transport(timeoutMilliseconds: 200).send(event(slow.origin), isStillPermitted: { true }) == .failed("timeout"))
    gate.open()
    // TLS with one that does not speak it.
    let plain = try FakeServer(204)
    let secure = plain.origin.replacing("http:", with: "https:")
    guard case .failed(let word) = await transport().send(event(secure), isStillPermitted: { true }) else {
      Issue.record("it was taken")
      return
    }
    #expect(["broken", "untrusted", "unreachable"].contains(word))
    let large = try FakeServer(200, [], String(repeating: "x", count: 100_000))
    #expect(await transport().send(event(large.origin), isStillPermitted: { true }) == .failed("answer_too_large"))
    let inside = try await World(addresses: .publicOnly())
    let judged = HTTPTransport(
      client: inside.client, timeoutMilliseconds: 5000, originName: World.origin, allowsPlainHTTP: true)
    #expect(await judged.send(event(plain.origin), isStillPermitted: { true }) == .failed("forbidden_address"))
    #expect(plain.requests.isEmpty)
  }
}

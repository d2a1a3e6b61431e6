import Foundation
import Synchronization
import Testing

@testable import Wire

@Suite struct AdmissionTests {
  private let millisecond: UInt64 = 1_000_000

  private func admission(_ requests: Int, lag: Int = 50) -> Admission {
    var settings = Admission.Settings()
    settings.requestsMaximum = requests
    settings.lagMillisecondsMaximum = lag
    return Admission(settings)
  }

  /// Lags of so many milliseconds, one every ten, for a second.
  private func feel(_ admission: Admission, _ lag: UInt64, from second: UInt64) {
    for step in 0..<100 {
      admission.note(lagNanoseconds: lag * millisecond, at: second * 1_000_000_000 + UInt64(step) * 10 * millisecond)
    }
  }

  @Test func oneTooManyIsRefusedUntilOneHasEnded() {
    let admission = admission(2)
    #expect(admission.begin() && admission.begin() && !admission.begin())
    #expect(admission.underWay == 2 && admission.refusedCount == 1)
    admission.end()
    #expect(admission.begin())
  }

  @Test func longLagsBringTheMaximumDownToWhatWasUnderWay_andShortOnesUpAgain() {
    let admission = admission(1000)
    for _ in 0..<400 { _ = admission.begin() }
    feel(admission, 100, from: 1)
    let lowered = admission.maximum
    #expect(lowered < 200, "halved more than once: \(lowered)")
    #expect(!admission.begin())
    while admission.underWay > 0 { admission.end() }
    for second in 2..<50 {
      while admission.begin() {}
      feel(admission, 5, from: UInt64(second))
      while admission.underWay > 0 { admission.end() }
    }
    #expect(admission.maximum == 1000)
  }

  @Test func oneLongTurnIsNoOverload() {
    let admission = admission(1000)
    for _ in 0..<400 { _ = admission.begin() }
    for step in 0..<1000 {
      let lag: UInt64 = step % 10 == 0 ? 500 : 1
      admission.note(lagNanoseconds: lag * millisecond, at: UInt64(step) * 20 * millisecond)
    }
    #expect(admission.maximum == 1000)
  }

  @Test func whatWasNeverReachedIsNotRaised() {
    let admission = admission(1000)
    for _ in 0..<400 { _ = admission.begin() }
    feel(admission, 100, from: 1)
    while admission.underWay > 0 { admission.end() }
    feel(admission, 1, from: 2)
    let lowered = admission.maximum
    for second in 3..<10 { feel(admission, 1, from: UInt64(second)) }
    #expect(admission.maximum == lowered)
  }

  @Test func someAreAdmittedHoweverLongTheLag() {
    let large = admission(1000)
    let small = admission(4)
    for second in 1..<30 {
      feel(large, 5000, from: UInt64(second))
      feel(small, 5000, from: UInt64(second))
    }
    #expect(large.maximum == Admission.requestsMinimum && small.maximum == 4)
  }
}

/// The same on the wire.
@Suite struct SheddingTests {
  /// Holds what it gets until it is told to answer.
  private final class Held: Sendable {
    private let exchanges = Mutex<[Exchange]>([])
    var count: Int { exchanges.withLock { $0.count } }
    func take(_ exchange: Exchange) { exchanges.withLock { $0.append(exchange) } }
    func release(on loop: EventLoop) {
      let all = exchanges.withLock { held in
        defer { held = [] }
        return held
      }
      loop.run { for exchange in all { TestHandler.echo(exchange) } }
    }
  }

  private let held = Held()

  private func server(_ maximum: Int) throws -> TestServer {
    let held = held
    let server = try TestServer(TestHandler(onRequest: { held.take($0) }))
    var settings = Admission.Settings()
    settings.requestsMaximum = maximum
    server.group.loops[0].run { [settings] in server.group.loops[0].admission.configure(settings) }
    return server
  }

  private func request(_ client: RawClient) { client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n") }

  private func underWay(_ server: TestServer) -> Int {
    let loop = server.group.loops[0]
    return loop.run { loop.admission.underWay }
  }

  @Test func aRequestTooManyGets503AtOnceAndItsConnectionStays() throws {
    let server = try server(2)
    let clients = try (0..<3).map { _ in try server.connect() }
    for client in clients[..<2] { request(client) }
    #expect(eventually { held.count == 2 })
    request(clients[2])
    let refusal = try #require(clients[2].readAnswer())
    #expect(refusal.status == 503 && refusal.field("retry-after") == "1" && refusal.field("connection") == nil)
    held.release(on: server.group.loops[0])
    for client in clients[..<2] { #expect(client.readAnswer()?.status == 200) }
    #expect(underWay(server) == 0)
    request(clients[2])
    #expect(eventually { held.count == 1 })
    held.release(on: server.group.loops[0])
    #expect(clients[2].readAnswer()?.status == 200)
  }

  @Test func whoWasRefusedIsNotReadFromForAMoment() throws {
    let server = try server(1)
    let (first, second) = (try server.connect(), try server.connect())
    request(first)
    #expect(eventually { held.count == 1 })
    for _ in 0..<20 { request(second) }
    #expect(second.readAnswer()?.status == 503)
    #expect(second.isSilent(milliseconds: 50), "the other nineteen wait")
    #expect(second.readAnswer()?.status == 503, "and are answered in the end")
    held.release(on: server.group.loops[0])
    #expect(first.readAnswer()?.status == 200)
  }

  @Test func aClientThatWentAwayCountsUntilItsHandlerIsDone() throws {
    let server = try server(2)
    let client = try server.connect()
    request(client)
    #expect(eventually { held.count == 1 })
    client.reset()
    #expect(eventually { server.listener.connectionCount == 0 })
    #expect(underWay(server) == 1)
    held.release(on: server.group.loops[0])
    #expect(underWay(server) == 0)
  }
}

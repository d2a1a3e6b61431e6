import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// What is done beside the calls: names and checks.
@Suite struct UpstreamWatchTests {
  /// A name server of the test's; what the names stand for can be changed.
  private final class Zone: Sendable {
    let addresses: Mutex<[String]>
    let questions = Mutex(0)
    init(_ addresses: [String]) { self.addresses = Mutex(addresses) }

    var lookup: NameLookup {
      NameLookup(countMaximum: 8) { [self] _, port in
        questions.withLock { $0 += 1 }
        return addresses.withLock { $0 }.compactMap { SocketAddress(ip: $0, port: port) }
      }
    }
    func say(_ list: [String]) { addresses.withLock { $0 = list } }
  }

  private static func named(
    _ zone: Zone, port: Int, time: ManualTime, _ adjust: (inout UpstreamSettings) -> Void = { _ in }
  ) throws -> TestUpstream {
    let target = UpstreamSettings.Target(UpstreamTarget(host: "backends.test", port: port))
    return try TestUpstream([target], time: time, names: zone.lookup) {
      $0.resolveSeconds = 30
      adjust(&$0)
    }
  }

  private static func standings(_ test: TestUpstream) -> [String: UpstreamTargetState.Standing] {
    Dictionary(uniqueKeysWithValues: test.states.map { ($0.address, $0.standing) })
  }

  @Test func allAddressesOfANameAreUsed_newOnesComeAndOldOnesGo() throws {
    // One port on several addresses of loopback.
    let time = ManualTime()
    let backend = try MortalBackend(host: "0.0.0.0")
    let zone = Zone(["127.0.0.1", "127.0.0.2"])
    let test = try Self.named(zone, port: backend.port, time: time)
    #expect(eventually { Self.standings(test).count == 2 })
    test.settle()
    for _ in 0..<20 { #expect(test.result() == .ok("ok")) }
    zone.say(["127.0.0.1", "127.0.0.3"])
    time.advance(seconds: 34)
    #expect(
      eventually {
        test.settle()
        return Self.standings(test)["127.0.0.3"] == .healthy
      })
    #expect(Self.standings(test)["127.0.0.1"] == .healthy)
    #expect(
      eventually {
        test.settle()
        return Self.standings(test)["127.0.0.2"] == nil
      })
    #expect(test.notices.all == ["upstream api: backends.test:\(backend.port) is at 127.0.0.1, 127.0.0.3 now"])
  }

  @Test func theLastGoodAnswerStaysWhileTheNameCannotBeLookedUp() throws {
    let time = ManualTime()
    let backend = try MortalBackend()
    let zone = Zone(["127.0.0.1"])
    let test = try Self.named(zone, port: backend.port, time: time)
    #expect(test.result() == .ok("ok"))
    zone.say([])
    for _ in 0..<3 {
      let before = zone.questions.withLock { $0 }
      time.advance(seconds: 40)
      #expect(
        eventually {
          test.settle()
          return zone.questions.withLock { $0 } > before
        })
      #expect(test.result() == .ok("ok"))
    }
  }

  @Test func anAddressThatGoesDrains_itsCallEnds() throws {
    let time = ManualTime()
    let gate = AsyncGate()
    let backend = try Backend { connection, _ in
      while connection.readRequest() != nil {
        _ = gate.isOpenSoon()
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      }
    }
    let zone = Zone(["127.0.0.1"])
    let test = try Self.named(zone, port: backend.port, time: time)
    let call = test.send(seconds: 1000)
    #expect(eventually { backend.connectionCount == 1 })
    zone.say(["127.0.0.2"])
    time.advance(seconds: 34)
    #expect(
      eventually {
        test.settle()
        return Self.standings(test) == ["127.0.0.1": .draining, "127.0.0.2": .healthy]
      })
    #expect(call.endCount == 0)
    gate.open()
    #expect(call.wait() == .ok("ok"))
    #expect(eventually { Self.standings(test) == ["127.0.0.2": .healthy] })
    backend.stop()
  }

  @Test func aNameThatIsNoneFailsItsCalls_untilItIsOne() throws {
    let time = ManualTime()
    let backend = try MortalBackend()
    let zone = Zone([])
    let test = try Self.named(zone, port: backend.port, time: time)
    #expect(
      eventually {
        test.settle()
        return test.result() == .failed(.ejected)
      })
    #expect(test.states.map(\.lastFault) == ["the name cannot be looked up"] && test.standings == [.ejected])
    zone.say(["127.0.0.1"])
    time.advance(seconds: 1.1)
    #expect(
      eventually {
        test.settle()
        return test.result() == .ok("ok")
      })
    #expect(test.notices.all.first == "upstream api: the name of backends.test:\(backend.port) cannot be looked up")
  }

  // MARK: Checks

  @Test func aTargetWhoseCheckFailsGoesOut_withoutACall_andComesBack() throws {
    let backends = try (0..<2).map { _ in try MortalBackend() }
    let test = try TestUpstream(ports: backends.map(\.port)) {
      var check = UpstreamSettings.Check()
      (check.path, check.intervalMilliseconds) = ("/health", 100)
      $0.check = check
    }
    #expect(eventually { backends.allSatisfy { $0.requests > 1 } } && test.standings == [.healthy, .healthy])
    backends[0].say("503 Service Unavailable")
    #expect(test.stand(.ejected, .healthy))
    #expect(test.states[0].lastFault == "check: status 503" && test.states[0].ejections == 1)
    for _ in 0..<20 { #expect(test.result() == .ok("ok")) }
    backends[0].say("204 No Content")
    #expect(test.stand(.healthy, .healthy))
    #expect(test.notices.all.count == 2)
    #expect(test.states[0].callsAnswered == 0)
  }

  @Test func withoutAPathAConnectionIsEnough() throws {
    let backend = try MortalBackend()
    let test = try TestUpstream(ports: [backend.port]) {
      var check = UpstreamSettings.Check()
      check.intervalMilliseconds = 100
      $0.check = check
    }
    usleep(300_000)
    #expect(test.standings == [.healthy] && backend.requests == 0)
    backend.die()
    #expect(test.stand(.ejected))
    #expect(test.result() == .failed(.ejected))
    try backend.rise()
    #expect(test.stand(.healthy))
    #expect(test.result() == .ok("ok"))
  }

  /// A check that hangs is a bad one.
  @Test func aCheckHasATime() throws {
    let backend = try Backend { connection, _ in while connection.readRequest() != nil {} }
    let test = try TestUpstream(ports: [backend.port]) {
      var check = UpstreamSettings.Check()
      (check.path, check.intervalMilliseconds, check.timeoutMilliseconds) = ("/health", 100, 50)
      $0.check = check
    }
    #expect(test.stand(.ejected))
    #expect(test.states[0].lastFault == "check: no answer in time")
    backend.stop()
  }
}

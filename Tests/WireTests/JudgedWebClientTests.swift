import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// The client for the sinks of events: where it goes, what it keeps, and what it does not send (A19, A20, A21).
@Suite struct JudgedWebClientTests {
  /// What a name stands for, which a test may change.
  private final class Names: Sendable {
    let addresses: Mutex<[String: [String]]>
    let count = Atomic<Int>(0)
    init(_ addresses: [String: [String]]) { self.addresses = Mutex(addresses) }

    var lookup: NameLookup {
      NameLookup(countMaximum: 8) { [self] name, port in
        count.add(1, ordering: .relaxed)
        return addresses.withLock { $0[name] ?? [] }.map { SocketAddress(ip: $0, port: port)! }
      }
    }
  }

  private static func client(
    _ names: Names, rule: AddressRule = .any, limits adjust: (inout JudgedWebClient.Limits) -> Void = { _ in }
  ) throws -> JudgedWebClient {
    var limits = JudgedWebClient.Limits()
    adjust(&limits)
    return JudgedWebClient(
      loop: EventLoop.current!, tls: try TLSHandshakeTests.context(), rule: rule, limits: limits, names: names.lookup)
  }

  @Test func connectionsAreKeptAndNamesAskedForOnce() throws {
    let peers = Mutex<Set<Int>>([])
    let server = try TestServer(
      TestHandler(onRequest: { exchange in
        peers.withLock { _ = $0.insert(exchange.makeRequest().remoteAddress?.port ?? 0) }
        TestHandler.echo(exchange)
      }))
    let names = Names(["sink.test": ["127.0.0.1"]])
    let port = server.listener.port
    let bodies = try onLoop {
      let client = try Self.client(names)
      var bodies: [String] = []
      for number in 0..<20 {
        let answer = try await client.send(
          "POST", to: WebAddress("http://sink.test:\(port)/e?\(number)")!, fields: [("content-type", "text/plain")],
          body: Array("b\(number)".utf8), timeoutMilliseconds: 10_000)
        bodies.append(String(decoding: answer.body, as: UTF8.self))
      }
      return bodies
    }
    #expect(bodies == (0..<20).map { "b\($0)" })
    #expect(peers.withLock { $0.count } == 1 && names.count.load(ordering: .relaxed) == 1)
  }

  @Test func aNameThatLeadsElsewhereLaterIsJudgedAgain() throws {
    let server = try TestServer()
    let names = Names(["sink.test": ["127.0.0.1"]])
    let port = server.listener.port
    try onLoop {
      let client = try Self.client(names, rule: .publicOnly(exceptions: [AddressRange("127.0.0.1")!])) { $0.keptSeconds = 1 }
      let address = WebAddress("http://sink.test:\(port)/")!
      _ = try await client.send("GET", to: address, timeoutMilliseconds: 10_000)
      names.addresses.withLock { $0 = ["sink.test": ["10.0.0.1"]] }
      // The connection goes to what was judged, not to what the name stands for meanwhile.
      _ = try await client.send("GET", to: address, timeoutMilliseconds: 10_000)
      #expect(names.count.load(ordering: .relaxed) == 1)
      try await Task.sleep(for: .milliseconds(1200))
      await #expect(throws: WebFailure.forbiddenAddress) {
        try await client.send("GET", to: address, timeoutMilliseconds: 10_000)
      }
    }
  }

  @Test(arguments: [
    "http://127.0.0.1", "http://[::1]", "http://169.254.169.254", "http://mixed.test", "http://inside.test",
    "http://[::ffff:10.0.0.1]",
  ])
  func forbiddenAddressesAreNotConnectedTo(_ origin: String) throws {
    let server = try TestServer()
    let names = Names(["mixed.test": ["192.0.2.1", "127.0.0.1"], "inside.test": ["10.1.2.3"]])
    let port = server.listener.port
    try onLoop {
      let client = try Self.client(names, rule: .publicOnly())
      let address = WebAddress("\(origin):\(port)/")!
      await #expect(throws: WebFailure.forbiddenAddress) { try await client.send("GET", to: address, timeoutMilliseconds: 5000) }
      await #expect(throws: WebFailure.forbiddenAddress) { try await client.judge(address, timeoutMilliseconds: 5000) }
    }
    #expect(server.handler.requests.isEmpty)
  }

  @Test func judgingConnectsToNothing() throws {
    let server = try TestServer()
    let names = Names(["sink.test": ["127.0.0.1"]])
    let port = server.listener.port
    try onLoop {
      let client = try Self.client(names)
      try await client.judge(WebAddress("http://sink.test:\(port)/")!, timeoutMilliseconds: 5000)
      await #expect(throws: WebFailure.unresolvable) {
        try await client.judge(WebAddress("http://none.test/")!, timeoutMilliseconds: 5000)
      }
    }
    #expect(server.handler.requests.isEmpty)
  }

  @Test func whatIsNoLongerWantedIsNotWritten() throws {
    let server = try TestServer()
    let names = Names(["sink.test": ["127.0.0.1"]])
    let port = server.listener.port
    try onLoop {
      let client = try Self.client(names) { $0.connectionsMaximum = 1 }
      let address = WebAddress("http://sink.test:\(port)/unwanted")!
      // On a new connection, and on one that is kept.
      for _ in 0..<2 {
        await #expect(throws: WebFailure.unwanted) {
          try await client.send("POST", to: address, timeoutMilliseconds: 5000, isStillWanted: { false })
        }
        #expect(
          try await client.send("POST", to: WebAddress("http://sink.test:\(port)/x")!, timeoutMilliseconds: 5000).status == 200)
      }
    }
    #expect(server.handler.requests == ["POST /x", "POST /x"])
  }

  @Test func aLineOfUnwantedCallsLetsTheNextThrough() throws {
    let server = try TestServer()
    let names = Names(["sink.test": ["127.0.0.1"]])
    let port = server.listener.port
    let statuses = try onLoop {
      let client = try Self.client(names) { $0.connectionsMaximum = 1 }
      return await withTaskGroup(of: Int.self) { group in
        for number in 0..<100 {
          group.addTask {
            let answer = try? await client.send(
              "POST", to: WebAddress("http://sink.test:\(port)/\(number)")!, timeoutMilliseconds: 10_000,
              isStillWanted: { number % 10 == 0 })
            return answer?.status ?? 0
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
    }
    #expect(statuses.count { $0 == 200 } == 10 && server.handler.requests.count == 10)
  }

  @Test func serversAreBoundedAndTheOldestGoes() throws {
    let server = try TestServer()
    let names = Names((0..<5).reduce(into: [:]) { $0["s\($1).test"] = ["127.0.0.1"] })
    let port = server.listener.port
    try onLoop {
      let client = try Self.client(names) { $0.serversMaximum = 2 }
      for number in 0..<5 {
        let address = WebAddress("http://s\(number).test:\(port)/")!
        #expect(try await client.send("GET", to: address, timeoutMilliseconds: 5000).status == 200)
      }
    }
    #expect(names.count.load(ordering: .relaxed) == 5)
  }

  @Test func aSilentServerEndsInTimeAndTheOthersAreServed() throws {
    let silent = try Backend { connection, _ in _ = connection.readRequest() }
    let server = try TestServer()
    let (port, silentPort) = (server.listener.port, silent.port)
    try onLoop {
      let client = try Self.client(Names([:]))
      async let late = client.send("GET", to: WebAddress("http://127.0.0.1:\(silentPort)/")!, timeoutMilliseconds: 300)
      #expect(try await client.send("GET", to: WebAddress("http://127.0.0.1:\(port)/")!, timeoutMilliseconds: 5000).status == 200)
      do {
        _ = try await late
        Issue.record("an answer came")
      } catch { #expect((error as? WebFailure) == .timedOut || (error as? WebFailure) == .broken) }
    }
    silent.stop()
  }

  @Test func redirectsAreAnswers() throws {
    let server = try TestServer(
      TestHandler(onRequest: { exchange in
        exchange.beginResponse(status: 302)
        exchange.addField("Location", "http://169.254.169.254/")
        exchange.endResponse(body: [UInt8]().span)
      }))
    let port = server.listener.port
    let status = try onLoop {
      try await Self.client(Names([:])).send("POST", to: WebAddress("http://127.0.0.1:\(port)/")!, timeoutMilliseconds: 5000)
        .status
    }
    #expect(status == 302)
  }
}

import Bytes
import Foundation
import Testing

@testable import Wire

@Suite struct ListenerTests {
  @Test func aBusyPortIsAnError_andSaysSo() throws {
    let server = try TestServer()
    let group = try EventLoopGroup(count: 2)
    let error = #expect(throws: WireError.self) {
      try Listener(address: "127.0.0.1", port: server.listener.port, group: group, handler: server.handler)
    }
    #expect(error?.description == "bind: Address already in use")
    #expect(try server.exchange("GET /here HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("/here"))
  }

  @Test(arguments: ["localhost", "", "300.1.1.1", "127.0.0.1:80", "::g"]) func anythingButAnAddressIsAnError(_ host: String)
    throws
  {
    let group = try EventLoopGroup(count: 1)
    #expect(throws: WireError.badAddress(host)) {
      try Listener(address: host, port: 0, group: group, handler: TestHandler())
    }
  }

  @Test func anAddressOfAnotherMachineIsAnError() throws {
    let group = try EventLoopGroup(count: 1)
    #expect(throws: WireError.self) { try Listener(address: "192.0.2.1", port: 0, group: group, handler: TestHandler()) }
  }

  @Test func thePortIsFreeAgainAfterwards() throws {
    var server: TestServer? = try TestServer()
    let port = server!.listener.port
    #expect(try server!.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").contains("200 OK"))
    server!.listener.stopAccepting()
    server!.group.loops[0].settle()
    server = nil
    let group = try EventLoopGroup(count: 1)
    let next = try Listener(address: "127.0.0.1", port: port, group: group, handler: TestHandler())
    #expect(next.port == port)
  }

  @Test func aHandlerSeesWhereTheClientIs() throws {
    let handler = TestHandler(onRequest: { exchange in
      let address = exchange.remoteAddress
      exchange.send(HTTPResponse(status: 200, body: Array("\(address.host) \(address.isLoopback) \(address.port > 0)".utf8)))
    })
    let server = try TestServer(handler)
    #expect(try server.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("127.0.0.1 true true"))
  }

  @Test func connectionsThatWaitBeforeTheStartAreServed() throws {
    let group = try EventLoopGroup(count: 1)
    let listener = try Listener(address: "127.0.0.1", port: 0, group: group, handler: TestHandler())
    let client = try RawClient(port: listener.port)
    client.send("GET /early HTTP/1.1\r\nHost: a\r\n\r\n")
    group.start()
    listener.start()
    #expect(client.readAnswer()?.text == "/early")
    group.stop()
  }

  // MARK: Draining

  @Test func draining_closesTheIdle_andLetsTheOthersEndWithTheirAnswer() throws {
    let (arrived, gate) = (AsyncGate(), AsyncGate())
    let handler = TestHandler(onRequest: { exchange in
      guard exchange.path.equals("/slow") else { return TestHandler.echo(exchange) }
      exchange.answer { _ in
        arrived.open()
        await gate.wait()
        return HTTPResponse(status: 200, body: Array("slow".utf8))
      }
    })
    let server = try TestServer(handler, loops: 2)
    let idle = try server.connect()
    idle.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(idle.readAnswer()?.text == "/1")
    let busy = try server.connect()
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(arrived.isOpenSoon())
    #expect(eventually { server.listener.connectionCount == 2 })
    let drainer = try EventLoop(index: 0, time: SystemTime())
    let (listener, drained) = (server.listener, AsyncGate())
    drainer.start()
    defer { drainer.stop() }
    drainer.spawn {
      await listener.drain(deadlineSeconds: 5)
      drained.open()
    }
    #expect(idle.readToEnd() == "" && idle.end == .closed)
    #expect(eventually { server.listener.connectionCount == 1 })
    gate.open()
    let answer = try #require(busy.readAnswer())
    #expect(answer.text == "slow" && answer.field("connection") == "close")
    #expect(busy.readToEnd() == "")
    #expect(drained.isOpenSoon())
    #expect(server.listener.connectionCount == 0)
    #expect(throws: WireError.system("connect", ECONNREFUSED)) { try server.connect() }
  }

  @Test func drainingDoesNotWaitBeyondItsTime() throws {
    let (arrived, gate) = (AsyncGate(), AsyncGate())
    let handler = TestHandler(onRequest: { exchange in
      exchange.answer { _ in
        arrived.open()
        await gate.wait()
        return HTTPResponse(status: 200)
      }
    })
    let server = try TestServer(handler)
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(arrived.isOpenSoon())
    let start = SystemTime().monotonicNanoseconds()
    let listener = server.listener
    try onLoop { await listener.drain(deadlineSeconds: 1) }
    #expect(SystemTime().monotonicNanoseconds() - start < 20_000_000_000)
    #expect(client.readToEnd() == "")
    #expect(eventually { server.listener.connectionCount == 0 })
    gate.open()
    server.group.loops[0].settle()
  }
}

@Suite struct SocketAddressTests {
  @Test(arguments: [
    ("127.0.0.1", "127.0.0.1", true), ("10.1.2.3", "10.1.2.3", false), ("::1", "::1", true), ("::", "::", false),
    ("::ffff:127.0.0.1", "127.0.0.1", true), ("::ffff:8.8.8.8", "8.8.8.8", false), ("2001:DB8:0:0::1", "2001:db8::1", false),
    ("::127.0.0.1", "::127.0.0.1", false), ("127.255.255.254", "127.255.255.254", true),
  ])
  func isRead(_ text: String, _ host: String, _ isLoopback: Bool) throws {
    let address = try #require(SocketAddress(ip: text, port: 80))
    #expect(address.host == host && address.isLoopback == isLoopback && address.port == 80)
    #expect(address.ipBytes.count == (host.contains(":") ? 16 : 4))
  }

  @Test(arguments: [
    "", "localhost", "1.2.3", "1.2.3.4.5", "01.2.3.4", "0x7f.0.0.1", "1.2.3.4 ", "[::1]", "::1%lo", "2130706433", "1.2.3.256",
  ])
  func isNoAddress(_ text: String) { #expect(SocketAddress(ip: text, port: 80) == nil) }
}

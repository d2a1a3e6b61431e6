import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// The exchanges whose handler has not answered yet. Confined to the loop.
private final class Kept: @unchecked Sendable {
  // As a handler of the data plane holds it: without owning it.
  unowned var exchange: Exchange!
  let arrived = DispatchSemaphore(value: 0)

  /// Looks at all that a handler looks at, then answers.
  func answer() -> (isAbandoned: Bool, body: String) {
    let exchange: Exchange = exchange
    let seen = (exchange.isAbandoned, exchange.body.string())
    exchange.beginResponse(status: 200)
    exchange.addField("x-target: ", exchange.target)
    exchange.endResponse(body: exchange.body)
    return seen
  }
}

/// The client goes while its request is being worked on: nothing may break, and nothing may leak.
@Suite struct ClientGoneTests {
  private static let request = "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"

  private func server(_ kept: Kept) throws -> TestServer {
    let handler = TestHandler(onRequest: { exchange in
      kept.exchange = exchange
      kept.arrived.signal()
    })
    return try TestServer(handler)
  }

  @Test(arguments: [true, false]) func itsRequestStaysReadable_andTheAnswerGoesNowhere(_ withReset: Bool) throws {
    let kept = Kept()
    let server = try server(kept)
    for _ in 0..<20 {
      let client = try server.connect()
      client.send(Self.request)
      kept.arrived.wait()
      if withReset {
        client.reset()
        #expect(eventually { server.listener.connectionCount == 0 })
      } else {
        client.close()
      }
      let seen = server.group.loops[0].run { kept.answer() }
      #expect(seen.isAbandoned || !withReset)
      #expect(seen.body == "hello")
      #expect(eventually { server.listener.connectionCount == 0 })
    }
    let next = try server.connect()
    next.send(Self.request)
    kept.arrived.wait()
    server.group.loops[0].execute { _ = kept.answer() }
    #expect(next.readAnswer()?.text == "hello")
  }

  @Test func theConnectionIsGivenBackOnceTheHandlerHasAnswered() throws {
    let kept = Kept()
    let server = try server(kept)
    let client = try server.connect()
    client.send(Self.request)
    kept.arrived.wait()
    let held = server.group.loops[0].run { WeakExchange(kept.exchange) }
    client.reset()
    #expect(eventually { server.listener.connectionCount == 0 })
    #expect(server.group.loops[0].run { held.exchange != nil })
    _ = server.group.loops[0].run { kept.answer() }
    #expect(server.group.loops[0].run { held.exchange == nil })
  }

  @Test func anAsyncAnswerGoesNowhere_andIsGivenBack() throws {
    let (arrived, gate, done) = (DispatchSemaphore(value: 0), AsyncGate(), DispatchSemaphore(value: 0))
    let held = Mutex<WeakExchange?>(nil)
    let handler = TestHandler(onRequest: { exchange in
      held.withLock { $0 = WeakExchange(exchange) }
      exchange.answer { request in
        arrived.signal()
        await gate.wait()
        done.signal()
        return HTTPResponse(status: 200, body: request.body)
      }
    })
    let server = try TestServer(handler)
    let client = try server.connect()
    client.send(Self.request)
    arrived.wait()
    client.reset()
    #expect(eventually { server.listener.connectionCount == 0 })
    gate.open()
    done.wait()
    #expect(eventually { server.group.loops[0].run { held.withLock { $0?.exchange == nil } } })
  }

  /// Its requests that came before the end are answered into nothing, one after another.
  @Test func theEndBehindManyRequestsEndsThemAll() throws {
    let server = try TestServer()
    for _ in 0..<20 {
      let client = try server.connect()
      client.send(String(repeating: "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", count: 400))
      client.reset()
    }
    #expect(eventually { server.listener.connectionCount == 0 })
    #expect(try server.exchange("GET /alive HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("/alive"))
  }

  @Test func goingInTheMiddleOfTheAnswerHarmsNobody() throws {
    let handler = TestHandler(onRequest: { exchange in
      exchange.beginResponse(status: 200)
      exchange.endResponse(body: [UInt8](repeating: 0x78, count: 8 << 20).span)
    })
    let server = try TestServer(handler)
    for withReset in [true, false] {
      let client = try server.connect(receiveBufferBytes: 4096)
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(client.read(count: 1000) != nil)
      if withReset { client.reset() } else { client.close() }
      #expect(eventually { server.listener.connectionCount == 0 })
    }
  }

  @Test func aHandlerMaySeverTheConnection() throws {
    let handler = TestHandler(onRequest: { exchange in
      if exchange.path.equals("/half") {
        exchange.sever(after: HTTPResponse(status: 200, body: Array("0123456789".utf8)))
      } else {
        exchange.sever()
      }
    })
    let server = try TestServer(handler)
    #expect(try server.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n", closing: false) == "")
    #expect(
      try server.exchange("GET /half HTTP/1.1\r\nHost: a\r\n\r\n", closing: false).hasSuffix("Content-Length: 10\r\n\r\n01234"))
    #expect(eventually { server.listener.connectionCount == 0 })
  }
}

/// Knows whether an exchange is still there. Confined to the loop.
private final class WeakExchange: @unchecked Sendable {
  weak var exchange: Exchange?
  init(_ exchange: Exchange?) { self.exchange = exchange }
}

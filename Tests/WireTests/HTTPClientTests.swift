import Bytes
import Foundation
import Testing

@testable import Wire

/// The client of the control plane, against the server of this module and against broken ones.
@Suite struct HTTPClientTests {
  private func send(_ request: HTTPClientRequest, timeoutSeconds: Int = 30) throws -> HTTPResponse {
    try onLoop { try await HTTPClient.send(request, timeoutSeconds: timeoutSeconds, loop: EventLoop.current!) }
  }

  @Test func aRequestAndItsAnswer() throws {
    let handler = TestHandler(onRequest: { exchange in
      let request = exchange.makeRequest()
      let body = String(decoding: request.body, as: UTF8.self)
      let text = "\(request.method) \(request.target) \(request.field("x-a") ?? "") \(body) \(exchange.hasBody)"
      exchange.send(HTTPResponse(status: 201, fields: [("X-B", "2")], body: Array(text.utf8)))
    })
    let server = try TestServer(handler)
    for (method, body, expected) in [
      ("POST", "hello", "POST /p?q 1 hello true"), ("GET", "", "GET /p?q 1  false"), ("DELETE", "", "DELETE /p?q 1  true"),
    ] {
      let request = HTTPClientRequest(
        host: "127.0.0.1", port: server.listener.port, method: method, target: "/p?q", fields: [("X-A", "1")],
        body: Array(body.utf8))
      let response = try send(request)
      #expect(response.status == 201 && response.field("x-b") == "2")
      #expect(String(decoding: response.body, as: UTF8.self) == expected)
    }
    #expect(eventually { server.listener.connectionCount == 0 })
  }

  @Test func itMayBeAskedFromTheLoopItself() throws {
    let server = try TestServer()
    let (loop, port) = (server.group.loops[0], server.listener.port)
    let done = AsyncGate()
    let good = AsyncGate()
    loop.spawn {
      let request = HTTPClientRequest(host: "127.0.0.1", port: port, method: "GET", target: "/self")
      if let response = try? await HTTPClient.send(request, timeoutSeconds: 30, loop: loop), loop.isCurrent,
        response.body == Array("/self".utf8)
      {
        good.open()
      }
      done.open()
    }
    #expect(done.isOpenSoon() && good.isOpenSoon())
  }

  @Test func failuresAreErrors() throws {
    let unused = HTTPClientRequest(host: "127.0.0.1", port: try Backend.unusedPort(), method: "GET", target: "/")
    #expect(throws: UpstreamFailure.unreachable) { try send(unused) }
    let closing = try Backend { connection, _ in _ = connection.readRequest() }
    let broken = HTTPClientRequest(host: "127.0.0.1", port: closing.port, method: "GET", target: "/")
    #expect(throws: UpstreamFailure.broken) { try send(broken) }
    let silent = try Backend { connection, _ in _ = connection.readToEnd() }
    let late = HTTPClientRequest(host: "127.0.0.1", port: silent.port, method: "GET", target: "/")
    #expect(throws: UpstreamFailure.timedOut) { try send(late, timeoutSeconds: 1) }
    for backend in [closing, silent] { backend.stop() }
  }
}

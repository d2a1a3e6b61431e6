import Bytes
import Foundation
import Testing

@testable import Wire

/// What one connection may cost: each limit one below, at it, one above, on the wire.
@Suite struct ServerLimitsTests {
  private func answer(_ text: String, _ adjust: (inout ServerLimits) -> Void) throws -> Int {
    let client = try TestServer(limits: adjust).connect()
    client.send(text)
    return client.readAnswer()?.status ?? 0
  }

  @Test(arguments: [(199, 200), (200, 200), (201, 431)]) func bytesOfTheHead(_ count: Int, _ status: Int) throws {
    let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
    let text = start + String(repeating: "x", count: count - start.utf8.count - 4) + "\r\n\r\n"
    #expect(try answer(text) { $0.headBytesMaximum = 200 } == status)
  }

  @Test(arguments: [(4, 200), (5, 200), (6, 431)]) func headerFields(_ count: Int, _ status: Int) throws {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: count - 1) + "\r\n"
    #expect(try answer(text) { $0.fieldCountMaximum = 5 } == status)
  }

  @Test(arguments: [(49, 200), (50, 200), (51, 414)]) func bytesOfTheTarget(_ count: Int, _ status: Int) throws {
    let text = "GET /" + String(repeating: "a", count: count - 1) + " HTTP/1.1\r\nHost: a\r\n\r\n"
    #expect(try answer(text) { $0.targetBytesMaximum = 50 } == status)
  }

  @Test(arguments: [(99, 200), (100, 200), (101, 413)]) func bytesOfTheBody(_ count: Int, _ status: Int) throws {
    let body = String(repeating: "x", count: count)
    #expect(
      try answer("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + body) { $0.bodyBytesMaximum = 100 } == status)
    let chunked = "\(String(count - 10, radix: 16))\r\n\(body.dropLast(10))\r\na\r\n\(body.suffix(10))\r\n0\r\n\r\n"
    let text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked
    #expect(try answer(text) { $0.bodyBytesMaximum = 100 } == status)
  }

  @Test(arguments: [("/small", 11, 413), ("/small", 10, 200), ("/other", 100, 200), ("/other", 101, 413), ("/large", 500, 200)])
  func aHandlerKnowsHowMuchARequestMayBring(_ path: String, _ count: Int, _ status: Int) throws {
    let handler = TestHandler(bodyLimit: { exchange in
      if exchange.path.equals("/small") { return 10 }
      return exchange.path.equals("/large") ? 500 : nil
    })
    let client = try TestServer(handler, limits: { $0.bodyBytesMaximum = 100 }).connect()
    client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n" + String(repeating: "x", count: count))
    #expect(client.readAnswer()?.status == status)
  }

  /// The body that is refused by its length alone is never waited for; the answer reaches a client that keeps sending.
  @Test func theRefusalOfALargeBodyReachesAClientThatKeepsSending() throws {
    let server = try TestServer(limits: { $0.bodyBytesMaximum = 1000 })
    for _ in 0..<10 {
      let client = try server.connect()
      client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
      client.send([UInt8](repeating: 0x78, count: 2_000_000))
      #expect(client.readAnswer()?.status == 413)
      #expect(client.readToEnd() == "" && client.end == .closed)
    }
    #expect(eventually { server.listener.connectionCount == 0 })
  }

  @Test func aClientThatNeverStopsSendingIsCutOff() throws {
    let server = try TestServer(limits: { $0.bodyBytesMaximum = 1000 })
    let client = try server.connect()
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
    let chunk = [UInt8](repeating: 0x78, count: 1 << 20)
    #expect((0..<64).contains { _ in !client.send(chunk) })
    #expect(eventually { server.listener.connectionCount == 0 })
  }

  @Test func connections() throws {
    let server = try TestServer(limits: { $0.connectionsMaximum = 2 })
    let first = try server.connect()
    let second = try server.connect()
    #expect(eventually { server.listener.connectionCount == 2 })
    let third = try server.connect()
    #expect(third.readToEnd() == "")
    for client in [first, second] {
      client.send("GET /still HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(client.readAnswer()?.text == "/still")
    }
    first.close()
    #expect(eventually { server.listener.connectionCount == 1 })
    let fourth = try server.connect()
    fourth.send("GET /again HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(fourth.readAnswer()?.text == "/again")
  }

  /// A refusal without a request before it finds nothing of another request in its exchange.
  @Test func aHandlerThatRefusesSeesNothingOfTheRequestBefore() throws {
    let handler = TestHandler(onRejection: { exchange, rejection in
      exchange.beginResponse(status: rejection.status)
      exchange.addField("x-seen: ", exchange.target)
      exchange.addField("x-method: ", exchange.methodBytes)
      exchange.addField("x-path: ", exchange.path)
      exchange.addField("x-fields: ", exchange.fieldCount)
      exchange.endResponse(body: exchange.body)
    })
    let client = try TestServer(handler).connect()
    client.send("POST /secret?of=another HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nsecret")
    #expect(client.readAnswer()?.text == "secret")
    client.send("x\n")
    let answer = try #require(client.readAnswer())
    #expect(answer.status == 400 && answer.body.isEmpty)
    #expect(answer.field("x-seen") == "" && answer.field("x-method") == "" && answer.field("x-path") == "")
    #expect(answer.field("x-fields") == "0")
  }
}

/// The limits of time, with a clock that the test moves (A35).
@Suite struct ServerTimeTests {
  private let time = ManualTime()

  private func server(_ handler: TestHandler = TestHandler()) throws -> TestServer {
    try TestServer(
      handler, time: time,
      limits: {
        $0.headSecondsMaximum = 10
        $0.bodySecondsMaximum = 30
        $0.idleSecondsMaximum = 75
        $0.writeSecondsMaximum = 20
        $0.bytesPerSecondMinimum = 0
      })
  }

  /// Sends, and waits until the server has read it.
  private func send(_ client: RawClient, _ text: String, _ server: TestServer) {
    client.send(text)
    server.tick()
  }

  private func pass(_ seconds: Double, _ server: TestServer) {
    time.advance(seconds: seconds)
    server.tick()
  }

  @Test func aHeadMustBeThereInTime_howeverBusyTheClient() throws {
    let server = try server()
    let client = try server.connect()
    send(client, "GET / HTTP/1.1\r\nHost: a\r\n", server)
    for _ in 0..<9 {
      pass(1, server)
      send(client, "X: y\r\n", server)
    }
    pass(0.9, server)
    #expect(client.isSilent(milliseconds: 20))
    pass(0.2, server)
    #expect(client.readAnswer()?.status == 408)
    #expect(client.readToEnd() == "")
    #expect(server.handler.rejections == [.headTimeout])
  }

  @Test func aBodyMustBeThereInTime() throws {
    let server = try server()
    let client = try server.connect()
    send(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", server)
    for _ in 0..<29 {
      pass(1, server)
      send(client, "x", server)
    }
    pass(0.9, server)
    #expect(client.isSilent(milliseconds: 20))
    pass(0.2, server)
    #expect(client.readAnswer()?.status == 408)
    #expect(server.handler.rejections == [.bodyTimeout])
  }

  @Test func aConnectionWithoutARequestIsClosed_withoutAWord() throws {
    let server = try server()
    let fresh = try server.connect()
    let used = try server.connect()
    used.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(used.readAnswer()?.status == 200)
    #expect(eventually { server.listener.connectionCount == 2 })
    server.tick()
    pass(74.9, server)
    #expect(fresh.isSilent(milliseconds: 20) && used.isSilent(milliseconds: 20))
    pass(0.2, server)
    #expect(fresh.readToEnd() == "" && used.readToEnd() == "")
    #expect(server.handler.rejections.isEmpty && server.listener.connectionCount == 0)
  }

  @Test func eachRequestStartsTheTimeAnew() throws {
    let server = try server()
    let client = try server.connect()
    for number in 0..<5 {
      client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(client.readAnswer()?.text == "/\(number)")
      server.tick()
      pass(70, server)
    }
    #expect(client.isSilent(milliseconds: 20))
  }

  @Test func aHandlerMayTakeLongerThanAllOfThem() throws {
    let arrived = DispatchSemaphore(value: 0)
    let answered = AsyncGate()
    let handler = TestHandler(onRequest: { exchange in
      exchange.answer { _ in
        arrived.signal()
        await answered.wait()
        return HTTPResponse(status: 200, body: Array("late".utf8))
      }
    })
    let server = try server(handler)
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(arrived.wait(timeout: .now() + 5) == .success)
    pass(1000, server)
    #expect(client.isSilent(milliseconds: 20))
    answered.open()
    #expect(client.readAnswer()?.text == "late")
  }

  @Test func aClientMustTakeItsAnswerInTime() throws {
    let handler = TestHandler(onRequest: { exchange in
      exchange.beginResponse(status: 200)
      exchange.endResponse(body: [UInt8](repeating: 0x78, count: 32 << 20).span)
    })
    let server = try server(handler)
    let client = try server.connect(receiveBufferBytes: 4096)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(eventually { handler.requests.count == 1 })
    server.tick()
    pass(19.9, server)
    #expect(server.listener.connectionCount == 1)
    pass(0.2, server)
    #expect(server.listener.connectionCount == 0)
    #expect(client.readToEnd().utf8.count < 32 << 20)
  }

  // MARK: Rates

  private func server(bytesPerSecond: Int, _ handler: TestHandler = TestHandler()) throws -> TestServer {
    try TestServer(handler, time: time, limits: { $0.bytesPerSecondMinimum = bytesPerSecond })
  }

  @Test func aHeadThatComesTooSlowlyIsCutOffBeforeItsTime() throws {
    let server = try server(bytesPerSecond: 100)
    let client = try server.connect()
    send(client, "GET / HTTP/1.1\r\nHost: a\r\n", server)
    for _ in 0..<4 {
      pass(1, server)
      send(client, "X: y\r\n", server)
    }
    #expect(client.isSilent(milliseconds: 20))
    pass(1.1, server)
    #expect(client.readAnswer()?.status == 408)
  }

  @Test func aBodyIsCutOffWhenItBecomesTooSlow() throws {
    let server = try server(bytesPerSecond: 100)
    let client = try server.connect()
    send(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n", server)
    for _ in 0..<10 {
      pass(1, server)
      send(client, String(repeating: "x", count: 200), server)
    }
    pass(9.9, server)
    #expect(client.isSilent(milliseconds: 20), "2000 bytes are enough for twenty seconds")
    pass(0.3, server)
    #expect(client.readAnswer()?.status == 408)
    #expect(server.handler.rejections == [.bodyTimeout])
  }

  @Test func aBodyThatComesFastEnoughMayTakeItsTime() throws {
    let server = try server(bytesPerSecond: 100)
    let client = try server.connect()
    send(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2600\r\n\r\n", server)
    for _ in 0..<20 {
      pass(1, server)
      send(client, String(repeating: "x", count: 130), server)
    }
    #expect(client.readAnswer()?.body.count == 2600)
  }

  @Test func aClientThatTakesItsAnswerTooSlowlyIsCutOff() throws {
    let handler = TestHandler(onRequest: { exchange in
      exchange.beginResponse(status: 200)
      exchange.endResponse(body: [UInt8](repeating: 0x78, count: 32 << 20).span)
    })
    let server = try server(bytesPerSecond: 240, handler)
    let client = try server.connect(receiveBufferBytes: 4096)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(eventually { handler.requests.count == 1 })
    server.tick()
    pass(4.9, server)
    #expect(server.listener.connectionCount == 1)
    pass(0.2, server)
    #expect(server.listener.connectionCount == 0)
  }

  @Test func aRefusedClientThatNeitherReadsNorClosesIsLeftAfterTwoSeconds() throws {
    let server = try server()
    let client = try server.connect()
    send(client, "x\n", server)
    #expect(client.readAnswer()?.status == 400)
    pass(1.9, server)
    #expect(server.listener.connectionCount == 1)
    pass(0.2, server)
    #expect(server.listener.connectionCount == 0)
  }
}

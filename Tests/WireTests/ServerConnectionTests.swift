import Bytes
import Foundation
import Synchronization
import Testing

@testable import Wire

/// A request on the wire and its answer.
@Suite struct ServerConnectionTests {
  @Test func oneConnectionServesManyRequests() throws {
    let server = try TestServer()
    let client = try server.connect()
    for number in 0..<50 {
      client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
      let answer = try #require(client.readAnswer())
      #expect(answer.startLine == "HTTP/1.1 200 OK")
      #expect(answer.text == "/\(number)")
      #expect(answer.field("connection") == nil)
    }
    #expect(server.listener.connectionCount == 1)
  }

  @Test func requestsInOneGoAreAnsweredInTheirOrder() throws {
    let server = try TestServer()
    let client = try server.connect()
    var text = ""
    for number in 0..<300 {
      text +=
        number % 2 == 0
        ? "GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n" : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\(100 + number)"
    }
    client.send(text)
    for number in 0..<300 { #expect(client.readAnswer()?.text == (number % 2 == 0 ? "/\(number)" : "\(100 + number)")) }
  }

  /// More than the buffer holds, while the handler lets each request wait: what comes meanwhile stays in the socket.
  @Test func requestsInOneGo_answeredLater_keepTheirOrder() throws {
    let handler = TestHandler(onRequest: { exchange in
      exchange.answer { request in
        await Task.yield()
        return HTTPResponse(status: 200, body: request.body)
      }
    })
    let server = try TestServer(handler)
    let client = try server.connect()
    let padding = String(repeating: "x", count: 3000)
    let sender = Thread { [client] in
      for number in 0..<200 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(3003)\r\n\r\n\(100 + number)" + padding)
      }
    }
    sender.start()
    for number in 0..<200 { #expect(client.readAnswer()?.text.prefix(3) == "\(100 + number)") }
  }

  @Test func aRequestMayComeByteForByte() throws {
    let server = try TestServer()
    let client = try server.connect()
    for byte in Array("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n".utf8) {
      client.send([byte])
      server.group.loops[0].settle()
    }
    #expect(client.readAnswer()?.text == "hello!")
  }

  @Test func aRequestMayBeCutAnywhere() throws {
    let server = try TestServer()
    let client = try server.connect()
    for text in [
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ] {
      let bytes = Array(text.utf8)
      for end in 1..<bytes.count {
        client.send(Array(bytes[..<end]))
        server.group.loops[0].settle()
        client.send(Array(bytes[end...]))
        #expect(client.readAnswer()?.text == "hello", "cut at \(end)")
      }
    }
  }

  @Test(arguments: [0, 1, 16_000, 16_384, 16_385, 100_000, 1 << 20]) func aBodyOfAnySizeComesBack(_ count: Int) throws {
    let server = try TestServer()
    let client = try server.connect()
    let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    client.send(Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n".utf8) + body)
    #expect(client.readAnswer()?.body == body)
    var chunked = Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
    for start in stride(from: 0, to: count, by: 10_007) {
      let part = body[start..<min(start + 10_007, count)]
      chunked += Array("\(String(part.count, radix: 16))\r\n".utf8) + part + Array("\r\n".utf8)
    }
    client.send(chunked + Array("0\r\n\r\n".utf8))
    #expect(client.readAnswer()?.body == body)
  }

  @Test func anAnswerToHEAD_saysHowLongItWouldBe_andHasNoBody() throws {
    let server = try TestServer()
    let text = try server.exchange("HEAD /four HTTP/1.1\r\nHost: a\r\n\r\n")
    let answer = RawMessage(head: text)
    #expect(answer.field("content-length") == "5")
    #expect(text.hasSuffix("\r\n\r\n"))
  }

  @Test(arguments: [204, 304]) func anAnswerWithoutABodyHasNone(_ status: Int) throws {
    let handler = TestHandler(onRequest: { exchange in
      exchange.beginResponse(status: status)
      exchange.endResponse(body: exchange.target)
    })
    let text = try TestServer(handler).exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(RawMessage(head: text).status == status)
    #expect(RawMessage(head: text).field("content-length") == nil)
    #expect(text.hasSuffix("\r\n\r\n"))
  }

  @Test func anEmptyAnswerSaysSo() throws {
    let handler = TestHandler(onRequest: { $0.send(HTTPResponse(status: 201)) })
    let text = try TestServer(handler).exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(RawMessage(head: text).field("content-length") == "0")
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
  ])
  func theLastAnswerSaysSo_andTheConnectionEnds(_ text: String) throws {
    let server = try TestServer()
    let client = try server.connect()
    client.send(text)
    #expect(client.readAnswer()?.field("connection") == "close")
    #expect(client.readToEnd() == "" && client.end == .closed)
  }

  @Test func aHandlerMayEndTheConnection() throws {
    let handler = TestHandler(onRequest: { exchange in
      exchange.closesAfterResponse = true
      TestHandler.echo(exchange)
    })
    let server = try TestServer(handler)
    let client = try server.connect()
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.readAnswer()?.field("connection") == "close")
    #expect(client.readToEnd() == "" && client.end == .closed)
    #expect(handler.requests == ["GET /1"])
  }

  @Test func theClientIsToldToGoOn_onlyWhenItWaits() throws {
    let server = try TestServer()
    let client = try server.connect()
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    #expect(client.readAnswer(toHead: true)?.startLine == "HTTP/1.1 100 Continue")
    client.send("hello")
    #expect(client.readAnswer()?.text == "hello")
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
    #expect(client.readAnswer()?.startLine == "HTTP/1.1 200 OK")
    let old = try server.connect()
    old.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    #expect(old.isSilent(milliseconds: 50))
    old.send("hello")
    #expect(old.readAnswer()?.text == "hello")
  }

  @Test func anEmptyLineBeforeARequestIsSkipped() throws {
    let server = try TestServer()
    let client = try server.connect()
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.readAnswer()?.text == "/1")
    #expect(client.readAnswer()?.text == "/2")
  }

  @Test func anAnswerLargerThanTheSocketTakes_arrivesWhole_andTheNextRequestFollows() throws {
    let large = [UInt8]((0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    let handler = TestHandler(onRequest: { exchange in
      exchange.beginResponse(status: 200)
      exchange.endResponse(body: large.span)
    })
    let server = try TestServer(handler)
    let client = try server.connect(receiveBufferBytes: 4096)
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    usleep(20_000)
    #expect(client.readAnswer()?.body == large)
    #expect(client.readAnswer()?.body == large)
    #expect(client.readToEnd() == "" && client.end == .closed)
    #expect(handler.requests == ["GET /1", "GET /2"])
  }

  @Test func theDateIsTheTimeOfTheClock() throws {
    let time = ManualTime(Timestamp(rfc3339: "2026-11-21T04:28:01Z")!)
    let server = try TestServer(time: time)
    let client = try server.connect()
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.readAnswer()?.field("date") == "Sat, 21 Nov 2026 04:28:01 GMT")
    time.set(Timestamp(rfc3339: "2028-02-29T23:59:59.999Z")!)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.readAnswer()?.field("date") == "Tue, 29 Feb 2028 23:59:59 GMT")
  }

  @Test func nothingIsSaidWithoutARequest() throws {
    let server = try TestServer()
    #expect(try server.exchange("") == "")
    #expect(try server.exchange("GET / HT") == "")
    #expect(try server.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell") == "")
    #expect(server.handler.requests.isEmpty && server.handler.rejections.isEmpty)
    #expect(eventually { server.listener.connectionCount == 0 })
  }

  /// A client may close its side once it has asked (RFC 9112 §9.6): all that it asked is answered.
  @Test func aClientThatSendsNoMoreIsAnswered() throws {
    let server = try TestServer()
    let text = try server.exchange("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 3)
    #expect(text.contains("/1HTTP") && text.hasSuffix("/2"))
    #expect(eventually { server.listener.connectionCount == 0 })
  }

  @Test func manyClientsAtOnce_overTwoLoops() throws {
    let server = try TestServer(loops: 2)
    let good = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 40) { number in
      guard let client = try? server.connect() else { return }
      for turn in 0..<25 {
        client.send("GET /\(number)-\(turn) HTTP/1.1\r\nHost: a\r\n\r\n")
        if client.readAnswer()?.text == "/\(number)-\(turn)" { good.add(1, ordering: .relaxed) }
      }
    }
    #expect(good.load(ordering: .relaxed) == 1000)
    #expect(eventually { server.listener.connectionCount == 0 })
  }
}

import Bytes
import Synchronization
import Wire

/// A server of a client's, on 127.0.0.1 and without TLS, that answers as a test says and remembers what it was asked.
final class FakeServer: Sendable {
  typealias Answer = @Sendable (HTTPRequest) async -> HTTPResponse

  private final class Handler: RequestHandler {
    let answer: Answer
    let seen = Mutex<[HTTPRequest]>([])

    init(_ answer: @escaping Answer) { self.answer = answer }

    func bodyBytesMaximum(_ exchange: Exchange) -> Int? { nil }
    func reject(_ exchange: Exchange, _ rejection: HTTPRejection) { exchange.send(HTTPResponse(status: rejection.status)) }
    func handle(_ exchange: Exchange) {
      exchange.answer { [self] request in
        seen.withLock { $0.append(request) }
        return await answer(request)
      }
    }
  }

  private let group: EventLoopGroup
  private let listener: Listener
  private let handler: Handler

  init(_ answer: @escaping Answer) throws {
    group = try EventLoopGroup(count: 1)
    handler = Handler(answer)
    listener = try Listener(address: "127.0.0.1", port: 0, group: group, handler: handler, limits: ServerLimits())
    group.start()
    listener.start()
  }

  deinit { group.stop() }

  convenience init(_ status: Int, _ fields: [(name: String, value: String)] = [], _ body: String = "") throws {
    try self.init { _ in HTTPResponse(status: status, fields: fields, body: Array(body.utf8)) }
  }

  var origin: String { "http://127.0.0.1:\(listener.port)" }
  var requests: [HTTPRequest] { handler.seen.withLock { $0 } }
}

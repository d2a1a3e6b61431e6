import Bytes
import Identifiers
import Synchronization
import Wire

@testable import Authorization

/// A server of the operator's on 127.0.0.1 that answers as a test says, and remembers what it was asked.
final class FakeOperator: Sendable {
  typealias Answer = @Sendable (HTTPRequest) async -> HTTPResponse

  private final class Handler: RequestHandler {
    let answer: Answer
    let seen = Mutex<[HTTPRequest]>([])

    init(_ answer: @escaping Answer) { self.answer = answer }

    func bodyBytesMaximum(_ exchange: Exchange) -> Int? { nil }
    func reject(_ exchange: Exchange, _ rejection: HTTPRejection) {
      exchange.send(HTTPResponse(status: rejection.status))
    }
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
    group = try EventLoopGroup(count: 2, time: SystemTime())
    handler = Handler(answer)
    listener = try Listener(address: "127.0.0.1", port: 0, group: group, handler: handler, limits: ServerLimits())
    group.start()
    listener.start()
  }

  deinit { group.stop() }

  /// One that says the same to everyone.
  convenience init(_ status: Int, _ body: String = "") throws { try self.init { _ in .json(status, Array(body.utf8)) } }

  var loop: EventLoop { group.loops[0] }
  var port: Int { listener.port }
  var requests: [HTTPRequest] { handler.seen.withLock { $0 } }
  var bodies: [String] { requests.map { String(decoding: $0.body, as: UTF8.self) } }

  func service(
    _ title: String = "the look-up", token: String? = nil, timeoutMilliseconds: Int = 5000, requestsMaximum: Int = 64
  ) throws -> OperatorService {
    try Self.service(
      "http://127.0.0.1:\(listener.port)/ask", title, token: token, timeoutMilliseconds: timeoutMilliseconds,
      requestsMaximum: requestsMaximum, loop: loop)
  }

  static func service(
    _ address: String, _ title: String, token: String? = nil, timeoutMilliseconds: Int = 5000, requestsMaximum: Int = 64,
    loop: EventLoop
  ) throws -> OperatorService {
    var settings = OperatorService.Settings(address: WebAddress(address)!)
    settings.bearerToken = token
    settings.timeoutMilliseconds = timeoutMilliseconds
    settings.requestsMaximum = requestsMaximum
    return OperatorService(title: title, settings: settings, client: WebClient(loop: loop, tls: try TLSClientContext()))
  }
}

import Bytes
import Foundation
import Identifiers
import Ledger
import Store
import Synchronization
import Wire

@testable import Authorization

/// The operator's SMS gateway and number directory on 127.0.0.1: it keeps what it is told to send.
final class CodeGateway: Sendable {
  private final class Handler: RequestHandler {
    let subscribers: Set<String>
    let delayMilliseconds: Int
    let messages = Mutex<[JSONValue]>([])

    init(_ subscribers: Set<String>, _ delayMilliseconds: Int) {
      self.subscribers = subscribers
      self.delayMilliseconds = delayMilliseconds
    }

    func bodyBytesMaximum(_ exchange: Exchange) -> Int? { nil }
    func reject(_ exchange: Exchange, _ rejection: HTTPRejection) { exchange.send(HTTPResponse(status: rejection.status)) }
    func handle(_ exchange: Exchange) {
      exchange.answer { [self] request in
        if delayMilliseconds > 0 { try? await Task.sleep(for: .milliseconds(delayMilliseconds)) }
        guard let body = try? JSONDocument(request.body).root else { return HTTPResponse(status: 400) }
        if request.path == "/directory" {
          return subscribers.contains(body["phoneNumber"]?.string ?? "") ? .json(200, request.body) : HTTPResponse(status: 404)
        }
        messages.withLock { $0.append(body) }
        return HTTPResponse(status: 202)
      }
    }
  }

  private let group: EventLoopGroup
  private let listener: Listener
  private let handler: Handler
  private let settings: OneTimeCodes.Settings

  init(
    subscribers: Set<String> = [TestSite.number.e164], delayMilliseconds: Int = 0,
    settings adjust: (inout OneTimeCodes.Settings) -> Void = { _ in }
  ) throws {
    var settings = OneTimeCodes.Settings()
    adjust(&settings)
    self.settings = settings
    handler = Handler(subscribers, delayMilliseconds)
    group = try EventLoopGroup(count: 2, time: SystemTime())
    listener = try Listener(address: "127.0.0.1", port: 0, group: group, handler: handler, limits: ServerLimits())
    group.start()
    listener.start()
  }

  deinit { group.stop() }

  func codes(stores: Stores, ledger: LedgerWriter, time: any TimeSource) throws -> OneTimeCodes {
    let client = WebClient(loop: group.loops[0], tls: try TLSClientContext())
    func service(_ path: String) -> OperatorService {
      OperatorService(
        title: path, settings: .init(address: WebAddress("http://127.0.0.1:\(listener.port)/\(path)")!), client: client)
    }
    return OneTimeCodes(
      settings: settings, store: stores.oneTimeCodes, message: CodeMessage(service: service("sms")),
      directory: NumberDirectory(service: service("directory")), browserAddress: BrowserAddress(), ledger: ledger, time: time)
  }

  var messages: [JSONValue] { handler.messages.withLock { $0 } }

  /// The code of the newest message, once there are so many.
  func code(ofMessage count: Int = 1) async throws -> String {
    for _ in 0..<500 where messages.count < count { try await Task.sleep(for: .milliseconds(10)) }
    let text = messages.last?["text"]?.string ?? ""
    return text.firstMatch(of: /[0-9]{6}/).map { String($0.0) } ?? "no code"
  }
}

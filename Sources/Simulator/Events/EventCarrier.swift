import Bytes
import Synchronization
import Wire

/// What brings an event to its sink.
protocol EventCarrier: Sendable {
  /// Sends one request and waits for its answer.
  func post(
    to address: WebAddress, fields: [(name: String, value: String)], body: [UInt8]
  ) async throws(WebFailure) -> HTTPResponse
}

/// Over HTTP, with connections that are kept for each server. The simulator's sinks are wherever a request says: it serves tests.
final class WebCarrier: EventCarrier {
  private static let serversMaximum = 200
  private static let timeoutMilliseconds = 10_000

  private let loop: EventLoop
  private let tls: TLSClientContext
  private let clients = Mutex<[String: KeptWebClient]>([:])

  /// - Parameters:
  ///   - loop: does the work; running.
  ///   - tls: knows whom to believe that they are a sink.
  init(loop: EventLoop, tls: TLSClientContext) {
    self.loop = loop
    self.tls = tls
  }

  func post(
    to address: WebAddress, fields: [(name: String, value: String)], body: [UInt8]
  ) async throws(WebFailure) -> HTTPResponse {
    try await client(of: address).send(
      "POST", address.target, fields: fields, body: body, timeoutMilliseconds: Self.timeoutMilliseconds)
  }

  private func client(of address: WebAddress) -> KeptWebClient {
    clients.withLock { clients in
      let server = (address.isSecure ? "https://" : "http://") + address.authority
      if let client = clients[server] { return client }
      if clients.count >= Self.serversMaximum { clients = [:] }
      let client = KeptWebClient(
        loop: loop, address: address, tls: tls, connectionsMaximum: 8, waitingMaximum: 10_000, answerBytesMaximum: 65_536)
      clients[server] = client
      return client
    }
  }
}

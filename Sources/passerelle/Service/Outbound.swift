import JOSE
import Synchronization
import Wire

/// The gateway's own requests to other servers, beside those to upstreams: key sets, look-ups, notifications.
///
/// The authorities of the system are read when they are first needed: many installations never need them, and they take as much
/// memory as all else together.
final class Outbound: Sendable {
  private let loop: EventLoop
  private let caFile: String?
  /// For addresses that a client gave.
  let rule: AddressRule
  private let client = Mutex<WebClient?>(nil)

  /// - Parameter loop: does the work; running by the time of the first request.
  /// - Throws: `TLSContextError` when the file of authorities cannot be used.
  init(_ configuration: Configuration.Outbound, loop: EventLoop) throws {
    self.loop = loop
    caFile = configuration.caFile
    rule = .publicOnly(exceptions: configuration.allowedRanges)
    if caFile != nil { _ = try web() }
  }

  func web() throws -> WebClient {
    try client.withLock { client in
      if let client { return client }
      let made = WebClient(loop: loop, tls: try TLSClientContext(caFile: caFile))
      client = made
      return made
    }
  }

  /// The JWK set of a client's `jwks_uri`: 5 s, 256 KiB, no redirects, public addresses alone (A20).
  func keySet(_ address: String) async throws -> [UInt8] {
    guard let url = WebAddress(address) else { throw WebFailure.unresolvable }
    let answer = try await web().send(
      "GET", to: url, fields: [("accept", "application/jwk-set+json, application/json")], timeoutSeconds: 5,
      answerBytesMaximum: RemoteKeySet.documentBytesMaximum, rule: rule)
    guard answer.status == 200 else { throw WebFailure.broken }
    return answer.body
  }
}

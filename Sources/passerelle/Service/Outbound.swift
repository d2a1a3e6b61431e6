import JOSE
import Synchronization
import Wire

/// The gateway's own requests to other servers, beside those to upstreams: key sets, look-ups, notifications.
final class Outbound: Sendable {
  /// What a configuration makes of it.
  struct Reading: Sendable {
    let web: WebClient
    let tls: TLSClientContext
    /// For addresses that a client gave.
    let rule: AddressRule
  }

  let loop: EventLoop
  private let current: Mutex<Reading>
  var web: WebClient { current.withLock { $0.web } }
  /// For connections that are not HTTP.
  var tls: TLSClientContext { current.withLock { $0.tls } }
  var rule: AddressRule { current.withLock { $0.rule } }

  /// - Parameter loop: does the work; running by the time of the first request.
  /// - Throws: one line, when the file of authorities cannot be used.
  init(_ configuration: Configuration.Outbound, loop: EventLoop) throws {
    self.loop = loop
    current = Mutex(try Self.read(configuration, loop))
  }

  /// Reads the file of authorities again; nothing changes before `take`.
  func read(_ configuration: Configuration.Outbound) throws -> Reading { try Self.read(configuration, loop) }

  /// Requests from now on are made so.
  func take(_ reading: Reading) { current.withLock { $0 = reading } }

  private static func read(_ configuration: Configuration.Outbound, _ loop: EventLoop) throws -> Reading {
    do {
      let tls = try TLSClientContext(caFile: configuration.caFile)
      return Reading(
        web: WebClient(loop: loop, tls: tls), tls: tls, rule: .publicOnly(exceptions: configuration.allowedRanges))
    } catch { throw CommandFailure("\(error)") }
  }

  /// The JWK set of a client's `jwks_uri`: 5 s, 256 KiB, no redirects, public addresses alone (A20).
  func keySet(_ address: String) async throws -> [UInt8] {
    guard let url = WebAddress(address) else { throw WebFailure.unresolvable }
    return try await get(url, answerBytesMaximum: RemoteKeySet.documentBytesMaximum, rule: rule)
  }

  /// A JSON document, in 5 s, without redirects.
  func get(_ address: WebAddress, answerBytesMaximum: Int, rule: AddressRule = .any) async throws -> [UInt8] {
    let answer = try await web.send(
      "GET", to: address, fields: [("accept", "application/jwk-set+json, application/json")], timeoutSeconds: 5,
      answerBytesMaximum: answerBytesMaximum, rule: rule)
    guard answer.status == 200 else { throw WebFailure.broken }
    return answer.body
  }
}

import JOSE
import Wire

/// The gateway's own requests to other servers, beside those to upstreams: key sets, look-ups, notifications.
final class Outbound: Sendable {
  let web: WebClient
  /// For addresses that a client gave.
  let rule: AddressRule

  /// - Parameter loop: does the work; running by the time of the first request.
  /// - Throws: one line, when the file of authorities cannot be used.
  init(_ configuration: Configuration.Outbound, loop: EventLoop) throws {
    do { web = WebClient(loop: loop, tls: try TLSClientContext(caFile: configuration.caFile)) } catch {
      throw CommandFailure("\(error)")
    }
    rule = .publicOnly(exceptions: configuration.allowedRanges)
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

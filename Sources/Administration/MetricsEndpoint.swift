import Bytes
import Telemetry
import Wire

/// `/metrics`: what Prometheus scrapes.
///
/// With a bearer token of its own, when it is told one: a scraper is not handed the admin API's, which opens everything.
public struct MetricsEndpoint: Sendable {
  public static let path = "/metrics"

  private let registry: MetricsRegistry
  private let token: [UInt8]?

  /// - Parameter token: nil lets everybody read who reaches the listener.
  public init(_ registry: MetricsRegistry, token: String?) {
    self.registry = registry
    self.token = token.map { Array($0.utf8) }
  }

  /// On the listener's loop; adds up at once what all threads have counted.
  public func respond(to request: HTTPRequest) -> HTTPResponse {
    guard request.method == "GET" || request.method == "HEAD" else { return AdminError.methodNotAllowed.response }
    if let token, !BearerToken.isShown(by: request, token) { return AdminError.unauthenticated.response }
    let format = MetricFormat(accept: request.fields("accept").joined(separator: ","))
    return HTTPResponse(
      status: 200, fields: [("content-type", format.contentType), ("cache-control", "no-store")],
      body: MetricText.write(registry.collect(), as: format))
  }
}

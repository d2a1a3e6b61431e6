import Wire

/// The admin listener's handler: health for everybody who reaches it, the admin API for who has its token, and the auditor's pages for
/// who has shown it in a browser (A42).
public final class AdminHandler: RequestHandler {
  private let api: AdminAPI
  private let health: Health
  private let token: [UInt8]
  private let auditor: AuditorSite
  private let others: [String: @Sendable (HTTPRequest) async -> HTTPResponse]

  /// - Parameters:
  ///   - token: the bearer token of the admin API.
  ///   - isSecure: the listener has TLS.
  ///   - others: paths beside it, each of which knows itself who is entitled to it.
  public init(
    api: AdminAPI, health: Health, token: String, isSecure: Bool = false,
    others: [String: @Sendable (HTTPRequest) async -> HTTPResponse] = [:]
  ) {
    self.others = others
    self.api = api
    self.health = health
    self.token = Array(token.utf8)
    auditor = AuditorSite(api: api, token: token, isSecure: isSecure)
  }

  public func bodyBytesMaximum(_ exchange: Exchange) -> Int? { nil }

  /// On the loop of the connection.
  public func handle(_ exchange: Exchange) {
    exchange.answer { [api, health, token, auditor, others] request in
      switch request.path {
      case "/healthz", "/readyz":
        guard request.method == "GET" || request.method == "HEAD" else { return AdminError.methodNotAllowed.response }
        return request.path == "/healthz" ? health.alive() : health.ready()
      case let path where AuditorSite.handles(path: path): return await auditor.respond(to: request)
      default:
        if let other = others[request.path] { return await other(request) }
        guard BearerToken.isShown(by: request, token) else { return AdminError.unauthenticated.response }
        return await api.respond(to: request)
      }
    }
  }

  public func reject(_ exchange: Exchange, _ rejection: HTTPRejection) {
    exchange.send(HTTPResponse.json(rejection.status, Array("{\"status\":\(rejection.status)}".utf8)))
  }
}

import Authorization
import Bytes
import Identifiers
import Ledger
import Pages
import Store
import Wire

/// The auditor's pages on the admin listener: `/auditor` and what is below it.
///
/// Entered with the admin token over a form, never by an address. What is looked up goes in forms, so that no number gets into an
/// address, a history or a log; and each look is an entry of the ledger before its answer leaves, as other acts of administrators are.
/// No script; the style sheet is all that a page loads.
final class AuditorSite: Sendable {
  static let path = "/auditor"

  var dependencies: AdminDependencies { api.dependencies }
  let api: AdminAPI
  let sessions: AuditorSessions
  let verification = LedgerVerificationState()

  /// - Parameter isSecure: the listener has TLS.
  init(api: AdminAPI, token: String, isSecure: Bool) {
    self.api = api
    sessions = AuditorSessions(token: token, time: api.dependencies.time, isSecure: isSecure)
  }

  static func handles(path: String) -> Bool { path == Self.path || path.hasPrefix(Self.path + "/") }

  /// Answers a request to one of the paths. Never throws: what goes wrong is a page that says so.
  func respond(to request: HTTPRequest) async -> HTTPResponse {
    if request.path == AuditorPath.style.rawValue {
      return request.method == "GET" ? Self.style : PageAnswer.methodNotAllowed("GET")
    }
    guard let path = AuditorPath(rawValue: request.path) else { return message(404, "Nothing here", "There is no such page.") }
    guard path.methods.contains(request.method) else { return PageAnswer.methodNotAllowed(path.methods.joined(separator: ", ")) }
    do {
      return try await answer(path, request)
    } catch let error as AdminError {
      switch error {
      case .invalid(let reason):
        return message(400, "That cannot be looked up", reason.prefix(1).uppercased() + reason.dropFirst() + ".")
      case .conflict(let reason), .failed(let reason): return message(503, "Not now", reason)
      case .missing(let what): return message(404, "Not found", what)
      case .notFound, .methodNotAllowed, .unauthenticated: return message(404, "Not found", "There is no such page.")
      }
    } catch let error as LedgerError {
      return message(503, "Not now", "\(error).".prefix(1).uppercased() + "\(error).".dropFirst())
    } catch {
      return message(503, "Not now", "This could not be read: \(error).")
    }
  }

  private func answer(_ path: AuditorPath, _ request: HTTPRequest) async throws -> HTTPResponse {
    guard request.method == "POST" else {
      guard BrowserGuard.mayShow(request) else { return foreign }
      guard let session = sessions.session(of: request) else { return signInPage(200) }
      switch path {
      case .entry: return try await entry(request, session)
      case .statement: return try await statement(request)
      case .subscriptions: return try await subscriptions(session)
      default: return try await overview(session)
      }
    }
    guard isOurForm(request), request.query == nil, let form = try? FormParameters(request.body), !form.hasRepeated else {
      return foreign
    }
    if path == .signIn { return try await signIn(form, request) }
    guard let session = sessions.session(of: request) else { return signInPage(403) }
    guard session.isFormToken(form["token"]) else { return foreign }
    switch path {
    case .search: return try await search(form, session)
    case .verify: return try await verify(session)
    default: return signOut(session)
    }
  }

  /// Sent by a click on a page of this listener (A39): its own address is the one that the browser asked for.
  private func isOurForm(_ request: HTTPRequest) -> Bool {
    guard let host = request.field("host"), request.fields("host").count == 1 else { return false }
    // Behind a proxy with TLS the page's scheme is the proxy's.
    return BrowserGuard.isOurForm(request, origin: "http://" + host) || BrowserGuard.isOurForm(request, origin: "https://" + host)
  }

  // MARK: Signing in

  private func signIn(_ form: FormParameters, _ request: HTTPRequest) async throws -> HTTPResponse {
    let source = request.remoteAddress?.host ?? "local"
    func entry(_ decision: String, _ reason: String?) -> LedgerEntry {
      LedgerEntry(
        event: "admin.auditor_signed_in", decision: decision, reason: reason, detail: [LedgerEntry.Detail("source", source)])
    }
    switch sessions.signIn(form["admin-token"] ?? "", from: source) {
    case .opened(let session):
      do { _ = try await dependencies.ledger.append(entry("allowed", nil)) } catch {
        sessions.end(session)
        throw error
      }
      var answer = HTTPResponse.redirect(to: Self.path, status: 303)
      answer.fields.append(("set-cookie", sessions.cookie(of: session)))
      return answer
    case .wrong:
      try await dependencies.ledger.append(entry("refused", "wrong_token"))
      return signInPage(403, notice: "That is not the admin token.")
    case .blocked(let isFirst):
      if isFirst { try await dependencies.ledger.append(entry("refused", "too_many_attempts")) }
      var answer = signInPage(429, notice: "Too many wrong tokens. Try again in a minute.")
      answer.fields.append(("retry-after", "60"))
      return answer
    }
  }

  private func signOut(_ session: AuditorSessions.Session) -> HTTPResponse {
    sessions.end(session)
    var answer = signInPage(200, notice: "You are signed out.")
    answer.fields.append(("set-cookie", sessions.noCookie))
    return answer
  }

  // MARK: Acts

  private func statement(_ request: HTTPRequest) async throws -> HTTPResponse {
    var query = try AdminRequest(request, id: nil).query
    query["format"] = "html"
    return try await api.usageStatement(AdminRequest(query: query))
  }

  private func verify(_ session: AuditorSessions.Session) async throws -> HTTPResponse {
    try await dependencies.ledger.append(LedgerEntry(event: "admin.ledger_verified"))
    try await verification.run(dependencies)
    return HTTPResponse.redirect(to: Self.path, status: 303)
  }
}

/// The paths of the auditor's pages.
enum AuditorPath: String, CaseIterable {
  case overview = "/auditor"
  case signIn = "/auditor/sign-in"
  case signOut = "/auditor/sign-out"
  case search = "/auditor/search"
  case entry = "/auditor/entry"
  case statement = "/auditor/statement"
  case subscriptions = "/auditor/subscriptions"
  case verify = "/auditor/verify"
  case style = "/auditor/style.css"

  var methods: [String] {
    switch self {
    case .overview, .entry, .statement, .subscriptions, .style: ["GET"]
    case .signIn, .signOut, .search, .verify: ["POST"]
    }
  }
}

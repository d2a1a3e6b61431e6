import Authorization
import Wire

/// `/my` and what is below it: where subscribers see who may get their data, take it back, object, and take a copy along.
///
/// A GET shows, a POST does, and each act is asked back before it is done. The pages need no script and load nothing from anywhere: an
/// application's logo is not shown, because fetching it would tell its server that this person looks at their data just now.
struct MyDataPages {
  let site: Site
  let data: MyData
  let texts: Texts
  let request: HTTPRequest

  private static let message = Template(PackageResources.my_message_html)

  init(site: Site, request: HTTPRequest) {
    self.site = site
    self.request = request
    data = MyData(server: site.server)
    texts = LanguageChoice.texts(browser: request)
  }

  func respond(_ path: MyPath) async -> HTTPResponse {
    do throws(InteractionRefusal) {
      switch (path, request.method) {
      case (.page, "GET"): return try await show { session throws(InteractionRefusal) in try await list(session) }
      case (.download, "GET"): return try await show { session throws(InteractionRefusal) in try await download(session) }
      case (.withdraw, "GET"), (.withdrawAll, "GET"), (.object, "GET"), (.agree, "GET"):
        return try await show { session throws(InteractionRefusal) in try await askBack(path, session) }
      case (.signIn, "POST"):
        return try await take { session, form throws(InteractionRefusal) in try await signIn(session, form) }
      case (.signOut, "POST"): return try await take { session, _ throws(InteractionRefusal) in try await signOut(session) }
      case (.withdraw, "POST"), (.withdrawAll, "POST"), (.object, "POST"), (.agree, "POST"):
        return try await take { session, form throws(InteractionRefusal) in try await perform(path, session, form) }
      default: return PageAnswer.methodNotAllowed(path.methods)
      }
    } catch {
      return refusal(error)
    }
  }

  /// A page for the subscriber; who is not known yet is asked for their number first.
  private func show(
    _ page: (MySession) async throws(InteractionRefusal) -> HTTPResponse
  ) async throws(InteractionRefusal) -> HTTPResponse {
    guard BrowserGuard.mayShow(request) else { return site.messages.foreignForm(403, to: request) }
    switch try await data.arrive(request) {
    case .known(let session, let isNew): return giving(isNew ? session : nil, try await page(session))
    case .unknown(let session, let isNew): return giving(isNew ? session : nil, try askWho(session))
    case .unrecognised:
      return message(
        403, texts(.myUnknown), texts(.myUnknownText, ["operator": site.settings.operatorName]))
    }
  }

  /// What a form of ours wants done, and nobody else's (A38, A39).
  private func take(
    _ act: (MySession, FormParameters) async throws(InteractionRefusal) -> HTTPResponse
  ) async throws(InteractionRefusal) -> HTTPResponse {
    guard BrowserGuard.isOurForm(request, origin: site.server.settings.origin), let form = site.form(of: request),
      !form.hasRepeated
    else { return site.messages.foreignForm(403, to: request) }
    return try await act(try await data.session(of: request, form: form), form)
  }

  // MARK: Answers

  func giving(_ session: MySession?, _ answer: HTTPResponse) -> HTTPResponse {
    guard let session else { return answer }
    var answer = answer
    answer.fields.append(("set-cookie", session.cookie(site.server.settings)))
    return answer
  }

  func page(_ status: Int, _ title: String, _ content: Markup) -> HTTPResponse {
    PageAnswer.html(status, Frame.page(title: title, content: content, texts: texts, settings: site.settings))
  }

  /// A page that only says something, with the way back.
  func message(_ status: Int, _ heading: String, _ text: String) -> HTTPResponse {
    page(
      status, heading,
      Self.message.render(["heading": .text(heading), "text": .text(text), "back": .text(texts(.myBack))]))
  }

  private func refusal(_ refusal: InteractionRefusal) -> HTTPResponse {
    switch refusal {
    case .unknown, .expired, .finished, .otherSubscriber, .timedOut: message(403, texts(.myOver), texts(.myOverText))
    case .notOffered: site.messages.foreignForm(400, to: request)
    case .unavailable: site.messages.page(for: .unavailable, to: request)
    }
  }

  private func signOut(_ session: MySession) async throws(InteractionRefusal) -> HTTPResponse {
    try await data.end(session)
    var answer = message(200, texts(.mySignedOut), texts(.mySignedOutText))
    answer.fields.append(("set-cookie", MySession.noCookie(site.server.settings)))
    return answer
  }

  private func download(_ session: MySession) async throws(InteractionRefusal) -> HTTPResponse {
    let records = try await data.records(of: session, .download)
    let json = MyDownload.json(records, madeAt: site.server.dependencies.time.now())
    return HTTPResponse(
      status: 200,
      fields: [
        ("content-type", "application/json"), ("content-disposition", "attachment; filename=\"my-data.json\""),
        ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"), ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
      ], body: json)
  }
}

extension Site {
  /// Where the subscriber's own pages are, as it is told to them: `host/my`.
  var myAddress: String { server.settings.origin.drop { $0 != "/" }.dropFirst(2) + MyPath.page.rawValue }
}

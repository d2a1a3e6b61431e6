import Authorization
import Identifiers
import Store
import Wire

/// Who is not recognised by the network says who they are: by a one-time code, in the demo by one of the simulated SIM cards. Every
/// answer is the same whether or not a number is a subscriber's (A44).
extension MyDataPages {
  private static let number = Template(PackageResources.my_number_html)
  private static let code = Template(PackageResources.my_code_html)
  private static let sims = Template(PackageResources.my_sims_html)
  private static let sim = Template(PackageResources.sim_html)
  private static let notice = Template(PackageResources.notice_html)

  private var codes: OneTimeCodes? { site.server.dependencies.oneTimeCodes }

  func askWho(_ session: MySession) throws(InteractionRefusal) -> HTTPResponse {
    guard let codes else { return askSIM(session) }
    let wantsAnother = (try? FormParameters(Array((request.query ?? "").utf8)))?["again"] != nil
    return try codes.isOpen(for: session.codeVisit) && !wantsAnother
      ? askCode(200, session, codes) : askNumber(200, session)
  }

  func signIn(_ session: MySession, _ form: FormParameters) async throws(InteractionRefusal) -> HTTPResponse {
    guard session.subscriber == nil else { return home(nil) }
    if let codes {
      if let text = form["number"] { return try await take(number: text, session, codes) }
      if let text = form["code"] { return try await take(code: text, session, codes) }
      throw .notOffered
    }
    let offered = site.server.dependencies.simulatedSubscribers
    guard let sim = offered.first(where: { $0.number.e164 == form["subscriber"] }) else { throw .notOffered }
    return home(try await data.recognised(session, number: sim.number, amr: SimulatedSIM.amr))
  }

  private func take(
    number text: String, _ session: MySession, _ codes: OneTimeCodes
  ) async throws(InteractionRefusal) -> HTTPResponse {
    guard let number = TypedNumber.read(text, countryCode: codes.settings.countryCode) else {
      return askNumber(400, session, notice: .codeNumberMalformed)
    }
    let (texts, operatorName, minutes) = (texts, site.settings.operatorName, "\(codes.settings.lifetimeSeconds / 60)")
    let issue = try await codes.send(to: number, for: session.codeVisit, browser: request, language: texts.language) { code in
      texts(.codeMessage, ["code": code, "operator": operatorName, "minutes": minutes])
    }
    guard case .issued = issue else { return askNumber(429, session, notice: .codeTooOften) }
    return home(nil)
  }

  private func take(
    code text: String, _ session: MySession, _ codes: OneTimeCodes
  ) async throws(InteractionRefusal) -> HTTPResponse {
    let code = text.filter { $0 != " " && $0 != "-" }
    // What cannot be a code costs no attempt.
    guard code.utf8.count == OneTimeCodes.digits, code.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return askCode(400, session, codes, notice: .codeWrong)
    }
    switch try await codes.attempt(code, for: session.codeVisit) {
    case .right(let number): return home(try await data.recognisedByCode(session, number: number))
    case .wrong: return askCode(400, session, codes, notice: .codeWrong)
    case .exhausted: return askNumber(429, session, notice: .codeExhausted)
    case .expired, .used, .none: return askNumber(400, session, notice: .codeExpired)
    }
  }

  /// To the list, with a GET; for who has just been recognised with the new session's cookie.
  private func home(_ session: MySession?) -> HTTPResponse {
    giving(
      session,
      HTTPResponse(status: 303, fields: [("location", MyPath.page.rawValue), ("cache-control", "no-store")], body: []))
  }

  // MARK: Forms

  private func askNumber(_ status: Int, _ session: MySession, notice: TextKey? = nil) -> HTTPResponse {
    page(
      status, texts(.codeNumberTitle),
      Self.number.render([
        "notice": .markup(markup(notice)), "heading": .text(texts(.codeNumberHeading)),
        "explanation": .text(texts(.codeNumberExplanation, ["operator": site.settings.operatorName])),
        "token": .text(session.formToken), "label": .text(texts(.codeNumberLabel)), "hint": .text(texts(.codeNumberHint)),
        "send": .text(texts(.codeNumberSend)),
      ]))
  }

  private func askCode(_ status: Int, _ session: MySession, _ codes: OneTimeCodes, notice: TextKey? = nil) -> HTTPResponse {
    page(
      status, texts(.codeTitle),
      Self.code.render([
        "notice": .markup(markup(notice)), "heading": .text(texts(.codeHeading)),
        "explanation": .text(texts(.codeExplanation, ["minutes": "\(codes.settings.lifetimeSeconds / 60)"])),
        "token": .text(session.formToken), "label": .text(texts(.codeLabel)), "confirm": .text(texts(.codeConfirm)),
        "again": .text(texts(.codeAgain)),
      ]))
  }

  private func askSIM(_ session: MySession) -> HTTPResponse {
    let cards = site.server.dependencies.simulatedSubscribers.map {
      Self.sim.render(["number": .text($0.number.e164), "label": .text($0.label)])
    }
    return page(
      200, texts(.subscriberTitle),
      Self.sims.render([
        "heading": .text(texts(.subscriberHeading)),
        "explanation": .text(texts(.subscriberExplanation, ["operator": site.settings.operatorName])),
        "token": .text(session.formToken), "cards": .markup(Markup(cards)),
      ]))
  }

  private func markup(_ notice: TextKey?) -> Markup {
    notice.map { Self.notice.render(["text": .text(texts($0))]) } ?? .nothing
  }
}

import Authorization
import Identifiers
import Store
import Wire

/// `/subscriber` where the network did not say who is there: the person types their number, gets a code by SMS, and types it.
///
/// Every answer is the same whether or not the number is a subscriber's (A44).
struct OneTimeCodePage {
  let site: Site
  let codes: OneTimeCodes

  private static let numberForm = Template(PackageResources.code_number_html)
  private static let codeForm = Template(PackageResources.code_html)
  private static let notice = Template(PackageResources.notice_html)

  /// The form for the code while there is one to type, otherwise the form for the number.
  func show(_ interaction: Interaction, _ request: HTTPRequest) throws(InteractionRefusal) -> HTTPResponse {
    let query = try? FormParameters(Array((request.query ?? "").utf8))
    let wantsAnother = query?["again"] != nil
    let isOpen = try codes.isOpen(for: interaction.codeVisit)
    return isOpen && !wantsAnother ? askCode(200, interaction, request) : askNumber(200, interaction, request)
  }

  /// Takes a number, a code, or the wish to leave.
  func take(_ form: FormParameters, _ interaction: Interaction, _ request: HTTPRequest) async throws(InteractionRefusal)
    -> HTTPResponse
  {
    if form["decision"] == "deny" { return try await site.server.abandon(interaction) }
    if let number = form.values("number").first { return try await take(number: number, interaction, request) }
    if let code = form.values("code").first { return try await take(code: code, interaction, request) }
    throw .notOffered
  }

  private func take(number text: String, _ interaction: Interaction, _ request: HTTPRequest) async throws(InteractionRefusal)
    -> HTTPResponse
  {
    guard let number = TypedNumber.read(text, countryCode: codes.settings.countryCode) else {
      return askNumber(400, interaction, request, notice: .codeNumberMalformed)
    }
    let texts = texts(interaction, request)
    let (operatorName, minutes) = (site.settings.operatorName, "\(codes.settings.lifetimeSeconds / 60)")
    let issue = try await codes.send(to: number, for: interaction.codeVisit, browser: request, language: texts.language) { code in
      texts(.codeMessage, ["code": code, "operator": operatorName, "minutes": minutes])
    }
    switch issue {
    case .issued: return site.subscriberPage(of: interaction)
    case .tooManyForInteraction: return askNumber(429, interaction, request, notice: .codeTooMany)
    case .tooManyForNumber, .tooManyFromSource: return askNumber(429, interaction, request, notice: .codeTooOften)
    }
  }

  private func take(code text: String, _ interaction: Interaction, _ request: HTTPRequest) async throws(InteractionRefusal)
    -> HTTPResponse
  {
    let code = text.filter { $0 != " " && $0 != "-" }
    // What cannot be a code costs no attempt.
    guard code.utf8.count == OneTimeCodes.digits, code.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return askCode(400, interaction, request, notice: .codeWrong)
    }
    switch try await codes.attempt(code, for: interaction.codeVisit) {
    case .right(let number): return try await site.server.recognisedByCode(interaction, number: number)
    case .wrong: return askCode(400, interaction, request, notice: .codeWrong)
    case .exhausted: return askNumber(429, interaction, request, notice: .codeExhausted)
    case .expired: return askNumber(400, interaction, request, notice: .codeExpired)
    // Used by the same click sent twice, or never asked for: from the beginning.
    case .used, .none: return askNumber(400, interaction, request, notice: .codeExpired)
    }
  }

  // MARK: Forms

  private func askNumber(
    _ status: Int, _ interaction: Interaction, _ request: HTTPRequest, notice: TextKey? = nil
  ) -> HTTPResponse {
    let texts = texts(interaction, request)
    return answer(
      status, .codeNumberTitle, interaction, texts,
      Self.numberForm.render([
        "notice": .markup(markup(notice, texts)), "heading": .text(texts(.codeNumberHeading)),
        "explanation": .text(texts(.codeNumberExplanation, ["operator": site.settings.operatorName])),
        "interaction": .text(interaction.handle), "label": .text(texts(.codeNumberLabel)), "hint": .text(texts(.codeNumberHint)),
        "send": .text(texts(.codeNumberSend)), "cancel": .text(texts(.codeCancel)),
      ]))
  }

  private func askCode(
    _ status: Int, _ interaction: Interaction, _ request: HTTPRequest, notice: TextKey? = nil
  ) -> HTTPResponse {
    let texts = texts(interaction, request)
    return answer(
      status, .codeTitle, interaction, texts,
      Self.codeForm.render([
        "notice": .markup(markup(notice, texts)), "heading": .text(texts(.codeHeading)),
        "explanation": .text(texts(.codeExplanation, ["minutes": "\(codes.settings.lifetimeSeconds / 60)"])),
        "interaction": .text(interaction.handle), "label": .text(texts(.codeLabel)), "confirm": .text(texts(.codeConfirm)),
        "again": .text(texts(.codeAgain)), "cancel": .text(texts(.codeCancel)),
      ]))
  }

  private func answer(
    _ status: Int, _ title: TextKey, _ interaction: Interaction, _ texts: Texts, _ content: Markup
  ) -> HTTPResponse {
    let page = Frame.page(title: texts(title), content: content, texts: texts, settings: site.settings)
    // With nothing to ask, the right code leads straight back to the client.
    return PageAnswer.html(status, page, formTarget: interaction.request.returnAddress.flatMap { FormTarget.source(of: $0) })
  }

  private func markup(_ notice: TextKey?, _ texts: Texts) -> Markup {
    notice.map { Self.notice.render(["text": .text(texts($0))]) } ?? .nothing
  }

  private func texts(_ interaction: Interaction, _ request: HTTPRequest) -> Texts {
    LanguageChoice.texts(
      requested: interaction.request.languages, client: interaction.client.languages, browser: request)
  }
}

import Authorization
import Wire

/// Pages that only say something: what went wrong, and what it means for the person who reads it.
public struct ErrorPages: AuthorizationPages {
  private static let template = Template(PackageResources.message_html)
  private let settings: PageSettings

  public init(settings: PageSettings = PageSettings()) { self.settings = settings }

  /// A request whose client or address is not known; the code helps whoever made the application.
  public func errorPage(_ refusal: Refusal, to request: HTTPRequest) -> HTTPResponse {
    let texts = LanguageChoice.texts(browser: request)
    let isOurs = refusal.error.status >= 500
    return page(
      refusal.error.status, heading: isOurs ? .errorUnavailableHeading : .errorHeading,
      explanation: isOurs ? .errorUnavailable : .errorClient, code: "\(refusal.error.code): \(refusal.explanation)", texts)
  }

  public func decidedPage(_ interaction: Interaction, isGranted: Bool) -> HTTPResponse {
    let texts = LanguageChoice.texts(of: interaction)
    let explanation = texts(isGranted ? .decidedGranted : .decidedDenied, ["client": interaction.client.name])
    return page(200, texts(.decidedHeading), explanation, code: nil, texts)
  }

  public func unavailablePage(_ interaction: Interaction) -> HTTPResponse {
    page(
      503, heading: .errorUnavailableHeading, explanation: .errorUnavailable, code: nil, LanguageChoice.texts(of: interaction))
  }

  public func notRecognisedPage(to request: HTTPRequest) -> HTTPResponse {
    page(
      403, heading: .errorUnrecognisedHeading, explanation: .errorUnrecognised, code: nil,
      LanguageChoice.texts(browser: request))
  }

  /// A page that cannot go on with its request.
  func page(for refusal: InteractionRefusal, to request: HTTPRequest) -> HTTPResponse {
    let texts = LanguageChoice.texts(browser: request)
    switch refusal {
    case .unknown, .expired:
      return page(400, heading: .errorUnknownHeading, explanation: .errorUnknown, code: nil, texts)
    case .finished: return page(409, heading: .errorFinishedHeading, explanation: .errorFinished, code: nil, texts)
    case .notOffered: return page(400, heading: .errorFormHeading, explanation: .errorForm, code: nil, texts)
    case .otherSubscriber: return page(403, heading: .errorOtherHeading, explanation: .errorOther, code: nil, texts)
    // The application asked to be told (CAMARA Consent Info, `capture_result=timeout`); its address is a registered one.
    case .timedOut(let address):
      return HTTPResponse(
        status: 303, fields: [("location", address), ("cache-control", "no-store"), ("referrer-policy", "no-referrer")], body: [])
    case .unavailable: return page(503, heading: .errorUnavailableHeading, explanation: .errorUnavailable, code: nil, texts)
    }
  }

  /// A form or a visit that did not come from our page.
  func foreignForm(_ status: Int, to request: HTTPRequest) -> HTTPResponse {
    page(
      status, heading: .errorFormHeading, explanation: .errorForm, code: nil, LanguageChoice.texts(browser: request))
  }

  private func page(
    _ status: Int, heading: TextKey, explanation: TextKey, code: String?, _ texts: Texts
  ) -> HTTPResponse {
    page(status, texts(heading), fill(texts, explanation), code: code, texts)
  }

  private func page(
    _ status: Int, _ heading: String, _ explanation: String, code: String?, _ texts: Texts
  ) -> HTTPResponse {
    let content = Self.template.render([
      "heading": .text(heading), "explanation": .text(explanation),
      "code": .text(code.map { texts(.errorCode, ["code": $0]) } ?? ""),
    ])
    return PageAnswer.html(status, Frame.page(title: heading, content: content, texts: texts, settings: settings))
  }

  /// The explanations name the operator or nobody.
  private func fill(_ texts: Texts, _ key: TextKey) -> String { texts(key, ["operator": settings.operatorName]) }
}

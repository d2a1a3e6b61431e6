import Authorization
import Identifiers
import Wire

/// `/demo/phone?subscriber=+33...`: the screen of a simulated phone, with the question of the application that waits for its holder
/// (CIBA). Without a subscriber, the phones there are. Demo only.
struct PhonePage {
  let site: Site
  let phone: SimulatedPhone

  private static let page = Template(PackageResources.phone_html)
  private static let link = Template(PackageResources.phone_link_html)
  private static let list = Template(PackageResources.phone_list_html)
  private static let text = Template(PackageResources.phone_text_html)

  func show(_ request: HTTPRequest) -> HTTPResponse {
    guard BrowserGuard.mayShow(request) else { return site.messages.foreignForm(403, to: request) }
    let texts = LanguageChoice.texts(browser: request)
    guard let number = Self.subscriber(request) else { return choose(texts) }
    let interactions = phone.handles(for: number, now: site.server.dependencies.time.now()).compactMap { open($0, request) }
    var questions: [Markup] = []
    if let newest = interactions.first {
      questions.append(ConsentPage(site: site).form(of: newest, request))
    } else {
      questions.append(Self.text.render(["text": .text(texts(.phoneNothing))]))
    }
    if interactions.count > 1 { questions.append(others(interactions.dropFirst(), texts)) }
    return answer(texts(.phoneHeading, ["number": number.e164]), Markup(questions), texts)
  }

  private func open(_ handle: String, _ request: HTTPRequest) -> Interaction? {
    do throws(InteractionRefusal) { return try site.server.interaction(handle: handle, browser: request) } catch {
      if error != .unavailable { phone.forget(handle) }
      return nil
    }
  }

  private func others(_ interactions: some Sequence<Interaction>, _ texts: Texts) -> Markup {
    let links = interactions.map { interaction in
      Self.link.render([
        "address": .text("\(EndpointPath.consent.rawValue)?interaction=\(interaction.handle)"),
        "title": .text(interaction.client.name),
        "label": .text(interaction.offer.purpose.title.text([texts.language])),
      ])
    }
    return Self.list.render(["heading": .text(texts(.phoneOthers)), "links": .markup(Markup(links))])
  }

  private func choose(_ texts: Texts) -> HTTPResponse {
    let links = site.server.dependencies.simulatedSubscribers.map { sim in
      Self.link.render([
        "address": .text("\(Site.phonePath)?subscriber=%2B\(sim.number.e164.dropFirst())"), "title": .text(sim.number.e164),
        "label": .text(sim.label),
      ])
    }
    return answer(
      texts(.phoneTitle), Self.list.render(["heading": .text(texts(.phoneChoose)), "links": .markup(Markup(links))]), texts)
  }

  private func answer(_ heading: String, _ questions: Markup, _ texts: Texts) -> HTTPResponse {
    let content = Self.page.render(["heading": .text(heading), "questions": .markup(questions)])
    return PageAnswer.html(
      200, Frame.page(title: texts(.phoneTitle), content: content, texts: texts, settings: site.settings))
  }

  /// A plus sign that somebody wrote as it is comes as a blank.
  private static func subscriber(_ request: HTTPRequest) -> MSISDN? {
    guard let query = try? FormParameters(Array((request.query ?? "").utf8)), let text = query["subscriber"] else { return nil }
    return MSISDN(e164: text) ?? MSISDN(e164: "+" + text.drop { $0 == " " })
  }
}

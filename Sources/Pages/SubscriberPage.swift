import Authorization
import Identifiers
import Wire

/// `/subscriber`: when the network did not say who is there, the person proves their number with a one-time code; in the demo, they
/// choose one of the simulated SIM cards.
struct SubscriberPage {
  let site: Site

  private static let page = Template(PackageResources.subscriber_html)
  private static let card = Template(PackageResources.sim_html)

  func show(_ request: HTTPRequest) -> HTTPResponse {
    guard BrowserGuard.mayShow(request) else { return site.messages.foreignForm(403, to: request) }
    do throws(InteractionRefusal) {
      let interaction = try site.interaction(inQueryOf: request)
      // Known by now (the back button): the question that is left is the next page's.
      guard interaction.subscriber == nil else { return site.consentPage(of: interaction) }
      if let codes { return try codes.show(interaction, request) }
      return render(interaction, request)
    } catch {
      return site.messages.page(for: error, to: request)
    }
  }

  /// Nil where there are none: then there are the simulated cards.
  private var codes: OneTimeCodePage? {
    site.server.dependencies.oneTimeCodes.map { OneTimeCodePage(site: site, codes: $0) }
  }

  func choose(_ request: HTTPRequest) async -> HTTPResponse {
    guard BrowserGuard.isOurForm(request, origin: site.server.settings.origin), let form = site.form(of: request),
      !form.hasRepeated
    else { return site.messages.foreignForm(403, to: request) }
    do throws(InteractionRefusal) {
      let interaction = try site.server.interaction(handle: form["interaction"] ?? "", browser: request)
      guard interaction.subscriber == nil else { return site.consentPage(of: interaction) }
      if let codes { return try await codes.take(form, interaction, request) }
      let offered = site.server.dependencies.simulatedSubscribers
      guard let sim = offered.first(where: { $0.number.e164 == form["subscriber"] }) else { throw .notOffered }
      return try await site.server.recognised(interaction, number: sim.number, amr: SimulatedSIM.amr)
    } catch {
      return site.messages.page(for: error, to: request)
    }
  }

  private func render(_ interaction: Interaction, _ request: HTTPRequest) -> HTTPResponse {
    let texts = LanguageChoice.texts(
      requested: interaction.request.languages, client: interaction.client.languages, browser: request)
    let cards = site.server.dependencies.simulatedSubscribers.map { sim in
      Self.card.render(["number": .text(sim.number.e164), "label": .text(sim.label)])
    }
    let content = Self.page.render([
      "heading": .text(texts(.subscriberHeading)),
      "explanation": .text(texts(.subscriberExplanation, ["operator": site.settings.operatorName])),
      "interaction": .text(interaction.handle), "cards": .markup(Markup(cards)),
    ])
    let page = Frame.page(title: texts(.subscriberTitle), content: content, texts: texts, settings: site.settings)
    // With nothing to ask, the choice leads straight back to the client.
    return PageAnswer.html(200, page, formTarget: interaction.request.returnAddress.flatMap { FormTarget.source(of: $0) })
  }
}

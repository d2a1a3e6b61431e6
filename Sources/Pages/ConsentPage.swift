import Authorization
import Bytes
import Identifiers
import JOSE
import Wire

/// `/consent`: shows the question and takes the answer.
struct ConsentPage {
  let site: Site

  private static let page = Template(PackageResources.consent_html)
  private static let notice = Template(PackageResources.notice_html)

  func show(_ request: HTTPRequest) -> HTTPResponse {
    guard BrowserGuard.mayShow(request) else { return site.messages.foreignForm(403, to: request) }
    do throws(InteractionRefusal) {
      let interaction = try site.interaction(inQueryOf: request)
      guard interaction.subscriber != nil else { return site.subscriberPage(of: interaction) }
      return render(200, interaction, statement(interaction, texts(interaction, request)))
    } catch {
      return site.messages.page(for: error, to: request)
    }
  }

  /// Takes a decision from our own form and from nowhere else, for the page as it was shown.
  func decide(_ request: HTTPRequest) async -> HTTPResponse {
    guard BrowserGuard.isOurForm(request, origin: site.server.settings.origin), let form = site.form(of: request),
      !["interaction", "page", "decision"].contains(where: form.isRepeated)
    else { return site.messages.foreignForm(403, to: request) }
    do throws(InteractionRefusal) {
      let interaction = try site.server.interaction(handle: form["interaction"] ?? "", browser: request)
      guard interaction.subscriber != nil else { return site.subscriberPage(of: interaction) }
      let claimed = form["page"].map { PageMark($0) }
      let texts = claimed?.texts ?? self.texts(interaction, request)
      let statement = statement(interaction, texts)
      // What is recorded is what was read: after an update between the two, the person reads again. A form without the mark is one
      // of somebody's test or script, with the same handle and session; it is about the page as it is now.
      guard claimed.map({ $0 == statement.mark }) ?? true else {
        return render(409, interaction, statement, notice: texts(.changed))
      }
      return try await site.server.complete(interaction, outcome: try outcome(form, interaction, statement))
    } catch {
      return site.messages.page(for: error, to: request)
    }
  }

  private func outcome(
    _ form: FormParameters, _ interaction: Interaction, _ statement: ConsentStatement
  ) throws(InteractionRefusal) -> InteractionOutcome {
    switch form["decision"] {
    case "deny": return .deny(shown: statement.shown(interaction))
    case "allow":
      var ticked = Set<CategoryID>()
      for value in form.values("category") {
        guard let category = CategoryID(rawValue: value), ticked.insert(category).inserted else { throw .notOffered }
      }
      return .allow(ticked: ticked, shown: statement.shown(interaction))
    default: throw .notOffered
    }
  }

  private func texts(_ interaction: Interaction, _ request: HTTPRequest) -> Texts {
    LanguageChoice.texts(
      requested: interaction.request.languages, client: interaction.client.languages, browser: request)
  }

  private func statement(_ interaction: Interaction, _ texts: Texts) -> ConsentStatement {
    ConsentStatement(interaction, texts: texts, settings: site.settings, myAddress: site.myAddress)
  }

  private func render(
    _ status: Int, _ interaction: Interaction, _ statement: ConsentStatement, notice: String? = nil
  ) -> HTTPResponse {
    let texts = statement.texts
    let content = form(interaction, statement, notice: notice)
    let title = texts(.consentTitle, ["client": interaction.client.name])
    return PageAnswer.html(
      status, Frame.page(title: title, content: content, texts: texts, settings: site.settings),
      formTarget: interaction.request.returnAddress.flatMap { FormTarget.source(of: $0) })
  }

  /// The form alone, for a page that holds more.
  func form(of interaction: Interaction, _ request: HTTPRequest) -> Markup {
    form(interaction, statement(interaction, texts(interaction, request)), notice: nil)
  }

  private func form(_ interaction: Interaction, _ statement: ConsentStatement, notice: String?) -> Markup {
    let texts = statement.texts
    return Self.page.render([
      "notice": .markup(notice.map { Self.notice.render(["text": .text($0)]) } ?? .nothing),
      "interaction": .text(interaction.handle), "page": .text(statement.mark.text), "statement": .markup(statement.markup),
      "line": .text(line(interaction, texts)), "allow": .text(texts(.allow)), "deny": .text(texts(.deny)),
    ])
  }

  /// Which of the person's lines it is about, with the number masked: a page can be looked at over a shoulder.
  private func line(_ interaction: Interaction, _ texts: Texts) -> String {
    guard let pseudonym = interaction.subscriber?.pseudonym,
      let number = try? site.server.dependencies.subjects.number(of: pseudonym)
    else { return "" }
    return texts(.line, ["number": number.description])
  }
}

extension Site {
  /// The interaction that a page's address names.
  func interaction(inQueryOf request: HTTPRequest) throws(InteractionRefusal) -> Interaction {
    guard let query = try? FormParameters(Array((request.query ?? "").utf8)), !query.hasRepeated,
      let handle = query["interaction"]
    else { throw .unknown }
    return try server.interaction(handle: handle, browser: request)
  }

  /// The posted form; nil when it is not one, or something stands in the address too.
  func form(of request: HTTPRequest) -> FormParameters? {
    request.query == nil ? try? FormParameters.read(form: request) : nil
  }

  func consentPage(of interaction: Interaction) -> HTTPResponse { seeOther(.consent, interaction) }
  func subscriberPage(of interaction: Interaction) -> HTTPResponse { seeOther(.subscriber, interaction) }

  private func seeOther(_ page: EndpointPath, _ interaction: Interaction) -> HTTPResponse {
    HTTPResponse(
      status: 303,
      fields: [("location", "\(page.rawValue)?interaction=\(interaction.handle)"), ("cache-control", "no-store")], body: [])
  }
}

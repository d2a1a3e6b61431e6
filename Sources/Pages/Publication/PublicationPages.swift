import Authorization
import Bytes
import Policy
import Wire

/// What is published, for people who make applications.
struct PublicationPages {
  private let publication: Publication
  private let texts: Texts

  private static let listPage = Template(PackageResources.apis_html)
  private static let listRow = Template(PackageResources.apis_row_html)
  private static let apiPage = Template(PackageResources.api_html)
  private static let operation = Template(PackageResources.api_operation_html)
  private static let fact = Template(PackageResources.my_fact_html)
  private static let code = Template(PackageResources.api_code_html)
  private static let link = Template(PackageResources.api_link_html)
  private static let unknownPage = Template(PackageResources.api_unknown_html)

  init(_ publication: Publication, _ request: HTTPRequest) {
    self.publication = publication
    texts = LanguageChoice.texts(browser: request)
  }

  private var site: Site { publication.site }

  func list() -> HTTPResponse {
    let rows = publication.apis.map { api in
      Self.listRow.render([
        "address": .text(Publication.path(of: api)), "title": .text(api.title.text([texts.language])),
        "version": .text(api.version),
        "path": .text(api.basePath),
      ])
    }
    let purposes = site.catalogue.purposes.map { fact($0.purpose.rawValue, .text($0.title.text([texts.language]))) }
    let content = Self.listPage.render([
      "heading": .text(texts(.apisTitle)), "explanation": .text(texts(.apisExplanation)), "apis": .markup(Markup(rows)),
      "tokenHeading": .text(texts(.apisToken)), "tokenText": .text(texts(.apisTokenText)),
      "discovery": .text(EndpointPath.openIDConfiguration.rawValue), "discoveryTitle": .text(texts(.documentDiscovery)),
      "purposesHeading": .text(texts(.apisPurposes)), "purposesHint": .text(texts(.apisPurposesHint)),
      "purposes": .markup(Markup(purposes)),
    ])
    return page(200, texts(.apisTitle), content)
  }

  func page(_ api: APIPolicy) -> HTTPResponse {
    var facts = [fact(texts(.apisAddress), .markup(code(site.server.settings.issuer + api.basePath)))]
    if let documentation = api.documentation {
      facts.append(
        fact(
          texts(.apisDocumentation), .markup(Self.link.render(["address": .text(documentation), "text": .text(documentation)]))))
    }
    let title = "\(api.title.text([texts.language])) \(api.version)"
    let content = Self.apiPage.render([
      "heading": .text(title), "facts": .markup(Markup(facts)), "operations": .markup(Markup(api.operations.map(section))),
      "list": .text(Publication.path), "back": .text(texts(.apisBack)),
    ])
    return page(200, title, content)
  }

  func unknown() -> HTTPResponse {
    let content = Self.unknownPage.render([
      "heading": .text(texts(.apisUnknown)), "list": .text(Publication.path), "back": .text(texts(.apisBack)),
    ])
    return page(404, texts(.apisUnknown), content)
  }

  private func page(_ status: Int, _ title: String, _ content: Markup) -> HTTPResponse {
    PageAnswer.html(status, Frame.page(title: title, content: content, texts: texts, settings: site.settings))
  }

  // MARK: An operation

  private func section(_ operation: OperationPolicy) -> Markup {
    Self.operation.render([
      "id": .text(operation.id.rawValue), "title": .text(operation.title.text([texts.language])),
      "method": .text(operation.method),
      "path": .text(operation.pathTemplate), "facts": .markup(Markup(facts(of: operation))), "call": .text(texts(.apisCall)),
      "curl": .text(CurlExample(operation: operation, root: site.server.settings.issuer).text),
    ])
  }

  private func facts(of operation: OperationPolicy) -> [Markup] {
    var facts = [
      fact(texts(.apisScopes), .text(scopes(of: operation))), fact(texts(.apisSubscriber), .text(texts(legs(of: operation)))),
    ]
    let data = site.catalogue.categories(of: operation).map { category in
      let title = category.title.text([texts.language])
      return operation.requiredCategories & category.mask != 0 ? title : texts(.apisDataOptional, ["data": title])
    }
    facts.append(
      fact(texts(.apisData), .text(data.isEmpty ? texts(.apisDataNone) : data.joined(separator: texts(.listSeparator)))))
    if let limits = operation.limits {
      let values = ["count": "\(limits.requestsPerMinute)", "burst": "\(limits.burst)"]
      facts.append(fact(texts(.apisLimit), .text(texts(.apisLimitText, values))))
    }
    if publication.settings.showsPrices, let price = operation.price {
      let amount = "\(DecimalMicros.text(Int128(price.amountMicros)))\u{A0}\(price.currency)"
      facts.append(fact(texts(.apisPrice), .text(texts(.apisPriceText, ["price": amount]))))
    }
    return facts
  }

  private func scopes(of operation: OperationPolicy) -> String {
    operation.scopeAlternatives.map { $0.map(\.rawValue).joined(separator: " + ") }
      .joined(separator: " \(texts(.apisScopesOr)) ")
  }

  private func legs(of operation: OperationPolicy) -> TextKey {
    switch (operation.legs.contains(2), operation.legs.contains(3)) {
    case (true, true): .apisSubscriberEither
    case (false, _): .apisSubscriberToken
    case (true, false): .apisSubscriberNone
    }
  }

  private func fact(_ label: String, _ text: Template.Value) -> Markup {
    Self.fact.render(["label": .text(label), "text": text])
  }

  private func code(_ text: String) -> Markup { Self.code.render(["text": .text(text)]) }
}

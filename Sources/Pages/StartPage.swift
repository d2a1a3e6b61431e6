import Authorization
import Policy
import Wire

/// The demo's `/`: what runs here and where an application begins.
struct StartPage {
  let site: Site

  private static let page = Template(PackageResources.start_html)
  private static let apiRow = Template(PackageResources.start_api_html)
  private static let documentRow = Template(PackageResources.start_document_html)

  func show(_ request: HTTPRequest) -> HTTPResponse {
    let texts = LanguageChoice.texts(browser: request)
    let apis = site.catalogue.apis.map { api in
      Self.apiRow.render([
        "title": .text(api.title.text([texts.language])), "version": .text(api.version), "path": .text(api.basePath),
      ])
    }
    let documents: [(EndpointPath, TextKey)] = [
      (.openIDConfiguration, .documentDiscovery), (.serverMetadata, .documentMetadata), (.keys, .documentKeys),
    ]
    let content = Self.page.render([
      "heading": .text(texts(.startHeading)), "explanation": .text(texts(.startExplanation)),
      "apisHeading": .text(texts(.startAPIs)), "apisAddress": .text(Publication.path), "apis": .markup(Markup(apis)),
      "documentsHeading": .text(texts(.startDocuments)),
      "documents": .markup(
        Markup(documents.map { Self.documentRow.render(["address": .text($0.rawValue), "title": .text(texts($1))]) })),
    ])
    return PageAnswer.html(
      200, Frame.page(title: texts(.startTitle), content: content, texts: texts, settings: site.settings))
  }
}

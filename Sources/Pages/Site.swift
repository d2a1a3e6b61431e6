import Authorization
import Bytes
import Policy
import Wire

/// How the pages present themselves.
public struct PageSettings: Sendable {
  /// The operator's name as its subscribers know it.
  public var operatorName: String
  /// Shows `/`, the start page of the demo.
  public var hasStartPage: Bool
  public var logos: Logos
  public var publication = PublicationSettings()

  public init(operatorName: String = "Passerelle", hasStartPage: Bool = false, logos: Logos = Logos()) {
    self.logos = logos
    self.operatorName = operatorName
    self.hasStartPage = hasStartPage
  }
}

/// Answers the pages' paths. Immutable; safe from any thread.
public final class Site: Sendable {
  let server: AuthorizationServer
  let catalogue: Catalogue
  let settings: PageSettings
  let messages: ErrorPages
  let published = PublishedDocument()
  /// The demo's simulated phones; nil outside it.
  let phone: SimulatedPhone?

  public init(
    server: AuthorizationServer, catalogue: Catalogue, settings: PageSettings = PageSettings(), phone: SimulatedPhone? = nil
  ) {
    self.phone = phone
    self.server = server
    self.catalogue = catalogue
    self.settings = settings
    messages = ErrorPages(settings: settings)
  }

  static let startPath = "/"
  static let stylesheetPath = "/style.css"
  static let phonePath = "/demo/phone"

  /// True for the paths that `respond` answers.
  public func handles(path: String) -> Bool {
    switch path {
    case EndpointPath.consent.rawValue, EndpointPath.subscriber.rawValue, Self.stylesheetPath: true
    case Self.startPath: settings.hasStartPage
    case Self.phonePath: phone != nil
    default:
      MyPath(rawValue: path) != nil || settings.logos.has(path)
        || settings.publication.isEnabled && Publication.handles(path: path)
    }
  }

  /// Answers a request to one of the paths. Never throws: what goes wrong is a page that says so.
  public func respond(to request: HTTPRequest) async -> HTTPResponse {
    if let path = MyPath(rawValue: request.path) { return await MyDataPages(site: self, request: request).respond(path) }
    if Publication.handles(path: request.path) {
      return Publication(site: self, settings: settings.publication).respond(to: request)
    }
    if settings.logos.has(request.path) { return settings.logos.respond(to: request) }
    return switch (request.path, request.method) {
    case (EndpointPath.consent.rawValue, "GET") where CapturePage.isMeant(by: request):
      await CapturePage(site: self).open(request)
    case (EndpointPath.consent.rawValue, "GET"): ConsentPage(site: self).show(request)
    case (EndpointPath.consent.rawValue, "POST"): await ConsentPage(site: self).decide(request)
    case (EndpointPath.subscriber.rawValue, "GET"): SubscriberPage(site: self).show(request)
    case (EndpointPath.subscriber.rawValue, "POST"): await SubscriberPage(site: self).choose(request)
    case (EndpointPath.consent.rawValue, _), (EndpointPath.subscriber.rawValue, _): PageAnswer.methodNotAllowed("GET, POST")
    case (Self.stylesheetPath, "GET"): PageAnswer.stylesheet()
    case (Self.startPath, "GET"): StartPage(site: self).show(request)
    case (Self.phonePath, "GET"):
      phone.map { PhonePage(site: self, phone: $0).show(request) } ?? PageAnswer.methodNotAllowed("GET")
    default: PageAnswer.methodNotAllowed("GET")
    }
  }
}

/// The frame of every page.
enum Frame {
  private static let template = Template(PackageResources.page_html)

  static func page(title: String, content: Markup, texts: Texts, settings: PageSettings) -> Markup {
    template.render([
      "language": .text(texts.language), "title": .text(title), "stylesheet": .text(Site.stylesheetPath),
      "operator": .text(settings.operatorName), "content": .markup(content),
    ])
  }
}

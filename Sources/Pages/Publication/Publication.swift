import Authorization
import Policy
import Synchronization
import Wire

/// What is published: `/apis` and a page for each API, for people in their language and for programs as JSON, by what the request
/// accepts. All of it follows from the policies; nobody needs a token to read it.
struct Publication {
  let site: Site
  let settings: PublicationSettings

  static let path = "/apis"

  /// The APIs that can be called here.
  var apis: [APIPolicy] { site.catalogue.apis.filter(settings.isServed) }

  /// The address of one API in one version, under this server's own.
  static func path(of api: APIPolicy) -> String {
    // What a version is called is its document's affair.
    var version: [UInt8] = []
    PathEscapes.append(api.version.utf8, to: &version)
    return "\(path)/\(api.name.rawValue)/\(String(decoding: version, as: UTF8.self))"
  }

  static func handles(path: String) -> Bool { path == Self.path || path.hasPrefix(Self.path + "/") }

  func respond(to request: HTTPRequest) -> HTTPResponse {
    guard request.method == "GET" else { return PageAnswer.methodNotAllowed("GET") }
    let wantsPage = Self.prefersPage(request.fields("accept").joined(separator: ","))
    if request.path == Self.path {
      return published(
        wantsPage ? PublicationPages(self, request).list() : json(site.published.bytes { PublicationDocument(self).all() }))
    }
    guard let api = apis.first(where: { Self.path(of: $0) == request.path }) else {
      return published(wantsPage ? PublicationPages(self, request).unknown() : json(PublicationDocument.unknown, status: 404))
    }
    return published(wantsPage ? PublicationPages(self, request).page(api) : json(PublicationDocument(self).one(api)))
  }

  private func json(_ bytes: [UInt8], status: Int = 200) -> HTTPResponse {
    HTTPResponse(
      status: status,
      fields: [
        ("content-type", "application/json"), ("cache-control", status == 200 ? "public, max-age=60" : "no-store"),
        ("x-content-type-options", "nosniff"),
      ], body: bytes)
  }

  private func published(_ response: HTTPResponse) -> HTTPResponse {
    var response = response
    response.fields.append(("vary", "accept, accept-language"))
    return response
  }

  /// Browsers name `text/html`; who does not is a program. RFC 9110 §12.5.1: the heavier one wins, and the page where both weigh the same.
  static func prefersPage(_ accept: String) -> Bool {
    var (page, document) = (0.0, 0.0)
    for range in accept.lowercased().split(separator: ",").prefix(32) {
      let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
      let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
      switch parts.first {
      case "text/html", "application/xhtml+xml": page = max(page, weight)
      case "application/json": document = max(document, weight)
      default: continue
      }
    }
    return page > 0 && page >= document
  }
}

/// The document of all APIs, written when somebody first asks for it: it stays the same as long as its policies do. Any thread.
final class PublishedDocument: Sendable {
  private let written = Mutex<[UInt8]?>(nil)

  func bytes(_ write: () -> [UInt8]) -> [UInt8] {
    if let bytes = written.withLock({ $0 }) { return bytes }
    let bytes = write()
    written.withLock { $0 = bytes }
    return bytes
  }
}

/// What of the APIs is shown to everybody.
public struct PublicationSettings: Sendable {
  /// Without it `/apis` is a path like any other that leads nowhere.
  public var isEnabled = true
  /// The policies' prices; what a client pays is in its plan.
  public var showsPrices = true
  /// The APIs that somebody answers here: those with an upstream, and those of which Passerelle serves an operation itself. Nobody could
  /// call the others.
  public var isServed: @Sendable (APIPolicy) -> Bool = { _ in true }

  public init() {}
}

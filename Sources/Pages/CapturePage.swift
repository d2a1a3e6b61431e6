import Authorization
import Wire

/// `/consent?capture=...`: an address that an application was given for its subscriber. It leads to the same consent page as everything
/// else, once it is known that the one who opens it is the one who is asked.
struct CapturePage {
  let site: Site

  static func isMeant(by request: HTTPRequest) -> Bool { parameters(request)?["capture"] != nil }

  func open(_ request: HTTPRequest) async -> HTTPResponse {
    guard BrowserGuard.mayShow(request) else { return site.messages.foreignForm(403, to: request) }
    do throws(InteractionRefusal) {
      // What else applications add to addresses, to count clicks, is not looked at.
      let states = (request.query ?? "").split(separator: "&").filter { $0.hasPrefix("state=") }.map { $0.dropFirst(6) }
      guard let query = Self.parameters(request), let secret = query["capture"], !query.isRepeated("capture"),
        states.count <= 1, query["state"] == nil || states.count == 1
      else { throw .unknown }
      return try await site.server.visitCapture(secret: secret, state: states.first.map(String.init), browser: request)
    } catch {
      return site.messages.page(for: error, to: request)
    }
  }

  private static func parameters(_ request: HTTPRequest) -> FormParameters? {
    try? FormParameters(Array((request.query ?? "").utf8))
  }
}

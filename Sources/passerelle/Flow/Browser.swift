import Bytes
import Wire

/// The person's browser on its way through an authorization server's pages, when the command plays it.
///
/// It follows redirects, keeps cookies, and presses the button of one decision. Where the redirect URI begins it stops: what the
/// answer says is the application's to read.
final class Browser {
  enum Decision: String { case allow, deny }

  /// Redirects and pages, all together.
  static let requestsMaximum = 20

  private let client: FlowClient
  private let redirectURI: String
  private let decision: Decision?
  /// What the network adds to requests to the server; nobody else gets to see it.
  private let enrichment: (name: String, value: String)?
  private let origin: String
  private var jar = CookieJar()
  private var requestCount = 0

  /// - Parameter start: of the authorization endpoint.
  init(
    _ client: FlowClient, start: WebAddress, redirectURI: String, decision: Decision?, enrichment: (name: String, value: String)?
  ) {
    self.client = client
    self.redirectURI = redirectURI
    self.decision = decision
    self.enrichment = enrichment
    origin = start.origin
  }

  /// Opens an address and goes on until the redirect URI; gives the address with the answer in it.
  func open(_ address: WebAddress) async throws(CommandFailure) -> String {
    var request = FlowRequest(method: "GET", address: address)
    var title = "The browser opens the authorization endpoint"
    while true {
      let response = try await send(title, request)
      if (300..<400).contains(response.status) {
        guard let location = response.field("location") else {
          throw CommandFailure("a redirect (\(response.status)) without Location")
        }
        let target = request.address.resolving(location)
        if RedirectAnswer.isAt(redirectURI, target) {
          client.report.recommend("the answer comes with 302 or 303", "profile item 18", [302, 303].contains(response.status))
          return target
        }
        request = try follow(request, response.status, to: target)
        title = "The browser is sent on"
      } else {
        request = try decide(response, at: request.address)
        title = "The browser sends the decision"
      }
    }
  }

  private func send(_ title: String, _ request: FlowRequest) async throws(CommandFailure) -> HTTPResponse {
    requestCount += 1
    guard requestCount <= Self.requestsMaximum else {
      throw CommandFailure("more than \(Self.requestsMaximum) redirects and pages")
    }
    var request = request
    if let cookies = jar.value(for: request.address) { request.fields.append(("cookie", cookies)) }
    if let enrichment, request.address.origin == origin { request.fields.append(enrichment) }
    request.fields.append(("accept", "text/html"))
    let response = try await client.send(title, request)
    jar.take(from: response, of: request.address)
    return response
  }

  private func follow(_ request: FlowRequest, _ status: Int, to target: String) throws(CommandFailure) -> FlowRequest {
    guard let address = WebAddress(target) else {
      throw CommandFailure(
        "sent on to \"\(FlowText.safe(Secrets(areShown: false).address(target)))\", which is not the redirect URI")
    }
    // RFC 9110 §15.4: 307 and 308 keep method and body, the others become GET.
    guard status == 307 || status == 308 else { return FlowRequest(method: "GET", address: address) }
    return FlowRequest(method: request.method, address: address, content: request.content)
  }

  /// The request that the page leads to, when it asks for what this browser can answer.
  private func decide(_ response: HTTPResponse, at address: WebAddress) throws(CommandFailure) -> FlowRequest {
    let page = HTMLPage(response)
    let name = FlowText.safe([page?.heading, page?.title].compactMap { $0 }.first { !$0.isEmpty } ?? "no title")
    guard response.status == 200 else {
      let reason = page.map { $0.paragraph.isEmpty ? "" : ": \(FlowText.safe($0.paragraph))" } ?? ""
      throw CommandFailure("the server shows a page instead (\(response.status)): \(name)\(reason)")
    }
    guard let page, let form = page.form(deciding: "allow") ?? page.form(deciding: "deny") else {
      throw CommandFailure("the server shows a page that this command cannot answer: \(name); without --follow a browser can")
    }
    client.report.note("a consent page: \"\(name)\"")
    examineFraming(response)
    guard let decision else {
      throw CommandFailure("a consent page is shown: \(name); say --allow or --deny, or use a browser, without --follow")
    }
    guard form.buttons.contains(where: { $0.name == "decision" && $0.value == decision.rawValue }), form.isPosted,
      let target = WebAddress(address.resolving(form.action))
    else { throw CommandFailure("the page's form has no button to \(decision.rawValue)") }
    return FlowRequest(
      method: "POST", address: target, fields: [("origin", address.origin)],
      content: .form(form.fields + [("decision", decision.rawValue)]))
  }

  /// A page within another page could be pressed without being seen.
  private func examineFraming(_ response: HTTPResponse) {
    let policy = response.field("content-security-policy")?.lowercased() ?? ""
    let options = response.field("x-frame-options")?.uppercased()
    client.report.recommend(
      "the page cannot be shown within another", "profile item 21",
      policy.contains("frame-ancestors 'none'") || policy.contains("frame-ancestors 'self'") || options == "DENY"
        || options == "SAMEORIGIN")
  }
}

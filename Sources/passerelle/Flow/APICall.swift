import Bytes
import JOSE
import Wire

/// The use of the token on an API, as `--call` says.
struct APICall {
  private static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

  private let method: String
  private let address: WebAddress
  private let body: [UInt8]

  /// Nil when no call is wanted.
  ///
  /// - Parameter apiRoot: what a path alone leads to; nil when it leads nowhere.
  init?(_ arguments: Arguments, apiRoot: String?) throws(UsageError) {
    guard let text = arguments.value("--call") else {
      guard arguments.value("--body") == nil else { throw UsageError("--body is for --call") }
      return nil
    }
    let words = text.split(separator: " ").map(String.init)
    guard words.count == 2, Self.methods.contains(words[0]) else {
      throw UsageError("--call wants a method (\(Self.methods.joined(separator: ", "))) and an address: \"POST https://...\"")
    }
    let target = words[1].hasPrefix("/") ? (apiRoot ?? "") + words[1] : words[1]
    guard let address = WebAddress(target) else { throw UsageError("--call: \"\(words[1])\" is no http(s) address") }
    method = words[0]
    self.address = address
    body = Array((arguments.value("--body") ?? "").utf8)
    guard body.isEmpty || (try? JSONDocument(body)) != nil else { throw UsageError("--body is not JSON") }
  }

  func run(_ tokens: TokenSet, _ client: FlowClient) async throws(CommandFailure) {
    var response = try await send("The call", tokens, client)
    if client.prover?.wantsAgain(response, of: address) == true {
      client.report.note("the API wants its nonce in the proof: once more (RFC 9449 §9)")
      response = try await send("The call, with the nonce", tokens, client)
    }
    client.report.check("the token travels behind TLS, or on this machine", "profile item 1", address.isConfidential)
    guard !(200..<300).contains(response.status) else { return }
    throw refusal(response, client.report)
  }

  private func send(_ title: String, _ tokens: TokenSet, _ client: FlowClient) async throws(CommandFailure) -> HTTPResponse {
    let correlator = Random.uuid()
    var request = FlowRequest(method: method, address: address, content: body.isEmpty ? .none : .json(body))
    // What the answer called it decides, not what was hoped for: a server without DPoP gives bearer tokens (profile item 2).
    let isBound = client.prover != nil && tokens.tokenType.lowercased() == "dpop"
    request.fields = [("authorization", (isBound ? "DPoP " : "Bearer ") + tokens.accessToken), ("x-correlator", correlator)]
    if isBound, let prover = client.prover {
      let accessToken = tokens.accessToken
      request.fields.append(
        (
          "dpop",
          try client.signing { [request] () throws(JOSEError) in try prover.proof(for: request, accessToken: accessToken) }
        ))
    }
    let response = try await client.send(title, request)
    client.report.recommend("x-correlator comes back", "CAMARA Commonalities", response.field("x-correlator") == correlator)
    return response
  }

  private func refusal(_ response: HTTPResponse, _ report: FlowReport) -> CommandFailure {
    let error = (try? JSONDocument(response.body))?.root
    let code = error?["code"]?.string
    report.check(
      "the refusal is an ErrorInfo: status, code and message", "profile item 71",
      error?["status"]?.integer == response.status && code != nil && error?["message"]?.string != nil)
    if response.status == 401 {
      report.recommend("401 comes with WWW-Authenticate", "profile item 72", response.field("www-authenticate") != nil)
    }
    let text = code.map { OAuthFailure.text($0, error?["message"]?.string) } ?? "without a reason"
    return CommandFailure("the API answered \(response.status) \(text)")
  }
}

import Bytes
import Wire

/// CIBA in poll mode (profile items 25 to 33): the person is asked on the phone, and the application asks for the outcome.
enum BackchannelFlow {
  /// CIBA Core §7.3: where the answer names no interval.
  private static let intervalSecondsDefault = 5
  /// Profile item 32: by so much each `slow_down` lengthens the interval.
  private static let slowDownSeconds = 5
  static let waitSecondsMaximum = 3600

  static func run(_ client: FlowClient, _ metadata: ServerMetadata) async throws -> TokenSet {
    let waiting = try client.arguments.seconds("--wait", default: 120, maximum: waitSecondsMaximum)
    let deadline = client.time.monotonicNanoseconds() + UInt64(waiting) * 1_000_000_000
    let started = try await start(client, metadata)
    let response = try await poll(started, until: deadline, waiting, client, metadata)
    let number = PersonalNumber.inHint(client.arguments.value("--login-hint"))
    let tokens = try TokenExamination(
      flow: .ciba, client: client, metadata: metadata, asked: client.scopes, number: number
    ).examine(response)
    try RefreshTokenFile.keep(tokens, client)
    try await IDTokenExamination(client: client, metadata: metadata, nonce: nil, number: number)
      .examine(tokens, isWanted: client.scopes.contains("openid"))
    return tokens
  }

  /// What the backchannel endpoint gave.
  private struct Started {
    let authReqID: String
    let intervalSeconds: Int
  }

  private static func start(_ client: FlowClient, _ metadata: ServerMetadata) async throws -> Started {
    let endpoint = try metadata.endpoint("backchannel_authentication_endpoint")
    let parameters = [("scope", client.scope), ("login_hint", try client.arguments.required("--login-hint"))]
    let isSigned = client.arguments.flag("--signed")
    let response = try await client.post("The request over the back channel", to: endpoint, proves: false) {
      () throws(CommandFailure) in
      guard isSigned else { return parameters }
      // All inside, nothing beside it (profile item 27).
      let claims = client.requestClaims(parameters, audience: endpoint.description)
      client.report.detail("request_object", claims)
      return [("request", try client.sign(claims, typ: "JWT"))]
    }
    guard response.status == 200 else { throw OAuthFailure.examine(response, of: "the backchannel endpoint", client.report) }
    let body = (try? JSONDocument(response.body))?.root
    let authReqID = body?["auth_req_id"]?.string ?? ""
    try client.report.require(
      "auth_req_id is there", "profile item 30", !authReqID.isEmpty, otherwise: "the backchannel endpoint gave no auth_req_id")
    client.report.check("expires_in is there", "profile item 30", (body?["expires_in"]?.integer ?? 0) > 0)
    client.report.recommend(
      "Cache-Control: no-store", "profile item 30",
      response.field("cache-control")?.lowercased().contains("no-store") == true)
    let interval = body?["interval"]?.integer ?? intervalSecondsDefault
    return Started(authReqID: authReqID, intervalSeconds: min(max(interval, 1), waitSecondsMaximum))
  }

  /// One poll. A function of its own, and never inlined: the optimizer of Swift 6.3 crashes over the two together.
  @inline(never)
  private static func poll(
    _ authReqID: String, _ count: Int, at endpoint: WebAddress, _ client: FlowClient
  ) async throws -> HTTPResponse {
    try await client.post("Poll \(count)", to: endpoint) {
      [("grant_type", FlowName.ciba.grantType), ("auth_req_id", authReqID)]
    }
  }

  /// Polls until there is an answer other than "not yet".
  private static func poll(
    _ started: Started, until deadline: UInt64, _ waiting: Int, _ client: FlowClient, _ metadata: ServerMetadata
  ) async throws -> HTTPResponse {
    let endpoint = try metadata.endpoint("token_endpoint")
    var interval = started.intervalSeconds
    var count = 0
    while true {
      guard client.time.monotonicNanoseconds() + UInt64(interval) * 1_000_000_000 <= deadline else {
        throw CommandFailure("nobody decided within \(waiting) s; --wait says how long to wait")
      }
      client.report.note("waiting for \(interval) s (profile item 30)")
      await client.pause(seconds: interval)
      count += 1
      let response = try await poll(started.authReqID, count, at: endpoint, client)
      guard response.status != 200, let code = OAuthFailure.code(response), ["authorization_pending", "slow_down"].contains(code)
      else { return response }
      client.report.check("\(code) comes with 400", "profile item 32", response.status == 400)
      if code == "slow_down" { interval += slowDownSeconds }
    }
  }
}

import Bytes
import JOSE
import Wire

/// The application of a flow: sends its requests, authenticates them with its key, and writes each into the report.
final class FlowClient {
  /// For one request, whatever the time is spent on.
  static let requestSecondsMaximum = 20
  static let answerBytesMaximum = 1 << 20
  /// Of all that is signed here (profile item 66 allows 300).
  static let assertionSecondsMaximum = 60
  private static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

  let arguments: Arguments
  let party: FlowParty
  let report: FlowReport
  let time: any TimeSource = SystemTime()
  /// Nil for bearer tokens.
  let prover: ProofMaker?
  private let loop: EventLoop
  private let web: WebClient

  /// - Throws: `CommandFailure` for a key or certificates that cannot be used, `UsageError` for what is missing.
  init(_ arguments: Arguments, _ report: FlowReport) throws {
    self.arguments = arguments
    self.report = report
    party = try FlowParty(arguments)
    prover = arguments.flag("--dpop") ? try ProofMaker(time: time) : nil
    let tls: TLSClientContext
    do { tls = try TLSClientContext(caFile: arguments.value("--ca")) } catch { throw CommandFailure("\(error)") }
    loop = try EventLoop(index: 0, time: time)
    loop.start()
    web = WebClient(loop: loop, tls: tls)
  }

  func close() { loop.stop() }

  /// What is asked for.
  var scope: String { arguments.value("--scope") ?? "" }
  var scopes: [String] { scope.split(separator: " ").map(String.init) }

  // MARK: Requests

  /// One request as a step of its own.
  func send(_ title: String, _ request: FlowRequest) async throws(CommandFailure) -> HTTPResponse {
    report.begin(title)
    return try await send(request)
  }

  /// One request within the step that has begun.
  func send(_ request: FlowRequest) async throws(CommandFailure) -> HTTPResponse {
    report.sent(request)
    let response: HTTPResponse
    do throws(WebFailure) {
      response = try await web.send(
        request.method, to: request.address,
        fields: request.fields + (request.contentType.map { [("content-type", $0)] } ?? []), body: request.body,
        timeoutSeconds: Self.requestSecondsMaximum, answerBytesMaximum: Self.answerBytesMaximum, rule: .any)
    } catch {
      throw CommandFailure("\(request.method) \(request.address.origin + request.address.path): \(error)")
    }
    report.received(response)
    return response
  }

  /// A form to an endpoint that wants the client to authenticate; once more when the server wants a nonce in the proof.
  ///
  /// - Parameters:
  ///   - authenticates: false where the form brings its own proof of who sends it (JWT bearer).
  ///   - proves: true where a token may come back, which is bound then if the flow is to be.
  ///   - form: made anew for each request: what is signed works once.
  func post(
    _ title: String, to endpoint: WebAddress, authenticates: Bool = true, proves: Bool = true,
    form: () throws(CommandFailure) -> [(name: String, value: String)]
  ) async throws(CommandFailure) -> HTTPResponse {
    let response = try await postOnce(title, endpoint, authenticates, proves, form)
    guard proves, prover?.wantsAgain(response, of: endpoint) == true else { return response }
    report.note("the server wants its nonce in the proof: once more (RFC 9449 §8)")
    return try await postOnce(title, endpoint, authenticates, proves, form)
  }

  private func postOnce(
    _ title: String, _ endpoint: WebAddress, _ authenticates: Bool, _ proves: Bool,
    _ form: () throws(CommandFailure) -> [(name: String, value: String)]
  ) async throws(CommandFailure) -> HTTPResponse {
    report.begin(title)
    var pairs = try form()
    if authenticates {
      let claims = assertionClaims(subject: party.client, endpoint)
      report.detail("client_assertion", claims)
      pairs += [("client_assertion_type", Self.assertionType), ("client_assertion", try sign(claims, typ: "JWT"))]
    }
    var request = FlowRequest(method: "POST", address: endpoint, content: .form(pairs))
    if proves, let prover {
      request.fields.append(("dpop", try signing { () throws(JOSEError) in try prover.proof(for: request) }))
    }
    return try await send(request)
  }

  /// Waits; the steps around it say for what.
  func pause(seconds: Int) async { try? await Task.sleep(for: .seconds(seconds)) }

  // MARK: What the client signs

  /// `iss`, `sub`, `aud`, times and `jti` (profile items 45, 66 to 69).
  ///
  /// - Parameter scope: for the JWT bearer flow, where it stands inside.
  func assertionClaims(subject: String, _ endpoint: WebAddress, scope: String? = nil) -> [UInt8] {
    claims(audience: arguments.value("--audience") ?? endpoint.description) { claims in
      claims.field("sub", subject)
      if let scope { claims.field("scope", scope) }
    }
  }

  /// The claims of a signed request (profile items 13 and 27): the parameters inside, and no `sub`, or it would pass for an
  /// assertion (item 15).
  func requestClaims(_ parameters: [(name: String, value: String)], audience: String) -> [UInt8] {
    claims(audience: audience) { [now = Int(time.now().seconds)] claims in
      claims.field("nbf", now)
      for parameter in parameters {
        claims.key(parameter.name)
        claims.string(parameter.value)
      }
    }
  }

  private func claims(audience: String, _ more: (inout JSONWriter) -> Void) -> [UInt8] {
    let now = Int(time.now().seconds)
    var claims = JSONWriter()
    claims.beginObject()
    claims.field("iss", party.client)
    claims.field("aud", audience)
    claims.field("iat", now)
    claims.field("exp", now + Self.assertionSecondsMaximum)
    claims.field("jti", Random.token(byteCount: 16))
    more(&claims)
    claims.endObject()
    return claims.bytes
  }

  func sign(_ claims: [UInt8], typ: String) throws(CommandFailure) -> String {
    try signing { () throws(JOSEError) in
      try JWTBuilder.sign(payload: claims, typ: typ, key: party.key, named: party.kid.map { .kid($0) } ?? .none)
    }
  }

  func signing(_ body: () throws(JOSEError) -> String) throws(CommandFailure) -> String {
    do { return try body() } catch { throw CommandFailure("signing: \(error)") }
  }
}

import Bytes
import Identifiers
import JOSE
import Store
import Wire

/// The backchannel authentication endpoint (CIBA Core §7): the checks, then what the subscriber has agreed to already, then, when
/// something is left to ask, a question on its way to them.
struct BackchannelEndpoint: Sendable {
  let server: AuthorizationServer

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    await ClientRequest(server: server).answer(.backchannel, request) { examination async throws(Refusal) in
      try await answer(examination)
    }
  }

  private func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    guard let purpose = examination.purpose else { throw Refusal(.invalidScope, "no purpose is declared") }
    let subscriber = examination.subscriber
    let coverage = try await Coverage.decide(
      subject: subscriber.pseudonym, client: examination.client.id, purpose: purpose, scopes: examination.scopes.apiScopes,
      dependencies: examination.dependencies)
    guard !coverage.covered.isEmpty || !coverage.askable.isEmpty else {
      throw Refusal(.accessDenied, "nothing that was asked for may be released", detail: "refused by the decision function")
    }
    let identifier = Random.token(byteCount: 32)
    let record = BackchannelRecord(
      digest: SHA256.digest(Array(identifier.utf8)), client: examination.client.id, subject: subscriber.pseudonym,
      purpose: purpose, scopes: examination.scopes, status: coverage.askable.isEmpty ? .granted : .pending,
      amr: subscriber.amr, authenticatedAt: subscriber.at, intervalSeconds: server.settings.backchannelIntervalSeconds,
      createdAt: examination.now,
      expiresAt: examination.now.adding(seconds: Int64(server.settings.backchannelLifetimeSeconds)))
    try await orUnavailable("storing the request") { try await server.dependencies.backchannel.insert(record) }
    if record.status == .pending { try await ask(examination, record) }
    try await server.recordBackchannel(record)
    return accepted(identifier, record)
  }

  /// Brings the question to the subscriber; a request that nobody can be asked about is refused at once.
  private func ask(_ examination: Examination, _ record: BackchannelRecord) async throws(Refusal) {
    let dependencies = server.dependencies
    let number = try orUnavailable("reading the subscriber") { try dependencies.subjects.number(of: record.subject) }
    guard let channel = dependencies.channel, let number else {
      throw Refusal(.accessDenied, "the subscriber would have to be asked, and there is no way to")
    }
    let handle = Random.token(byteCount: 32)
    let request = AuthorizationRequest(examination, answeredTo: record)
    let interaction = InteractionRecord(
      digest: SHA256.digest(Array(handle.utf8)), sessionDigest: nil, payload: request.stored(with: examination.subscriber),
      createdAt: record.createdAt, expiresAt: record.expiresAt)
    try await orUnavailable("storing the request") { try await dependencies.interactions.insert(interaction) }
    let question = SubscriberQuestion(
      number: number, address: "\(server.settings.url(.consent))?interaction=\(handle)", handle: handle,
      clientName: examination.client.name, purpose: record.purpose, languages: request.languages, expiresAt: record.expiresAt)
    do { try await channel.ask(question) } catch {
      try? await dependencies.backchannel.end(record.digest)
      let detail = "the question did not go out: \(error.reason)"
      throw Refusal(.temporarilyUnavailable, "the subscriber could not be asked: \(error.reason); try again", detail: detail)
    }
  }

  /// CIBA Core §7.3.
  private func accepted(_ identifier: String, _ record: BackchannelRecord) -> HTTPResponse {
    var body = JSONWriter()
    body.beginObject()
    body.field("auth_req_id", identifier)
    body.field("expires_in", Int(record.expiresAt.seconds - record.createdAt.seconds))
    body.field("interval", record.intervalSeconds)
    body.endObject()
    return Answer.privateJSON(200, body.bytes)
  }
}

import Bytes
import Identifiers
import JOSE
import Store
import Wire

/// The pushed authorization request endpoint (RFC 9126): all checks of an authorization request but those that need its browser, now,
/// with the client authenticated; the browser then carries a reference.
struct PushedRequestEndpoint: Sendable {
  let server: AuthorizationServer

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    await ClientRequest(server: server).answer(.pushed, request) { examination async throws(Refusal) in
      try await answer(examination)
    }
  }

  private func answer(_ examination: Examination) async throws(Refusal) -> HTTPResponse {
    let reference = Random.token(byteCount: 32)
    let lifetime = server.settings.pushedRequestLifetimeSeconds
    var asked = examination.asked.removing(["client_assertion", "client_assertion_type", "request"])
    // A proof at this endpoint binds the code to its key as `dpop_jkt` would (RFC 9449 §10.1).
    if let key = examination.proofKey { asked = asked.removing(["dpop_jkt"]).adding("dpop_jkt", key) }
    let payload = asked.encoded
    try await orUnavailable("storing the request") {
      try await server.dependencies.pushedRequests.insert(
        digest: SHA256.digest(Array(reference.utf8)), client: examination.client.id, payload: payload,
        expiresAt: examination.now.adding(seconds: Int64(lifetime)))
    }
    var body = JSONWriter()
    body.beginObject()
    body.field("request_uri", PushedRequest.prefix + reference)
    body.field("expires_in", lifetime)
    body.endObject()
    return Answer.privateJSON(201, body.bytes)
  }
}

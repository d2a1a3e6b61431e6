import Identifiers
import Wire

/// Where the browser goes with the answer: the checked redirect URI and the state that the client gave.
struct ClientAddress: Sendable {
  let redirectURI: String
  let state: String?

  /// The redirect with an answer's parameters. `iss` is in every one, so that a client that talks to several servers cannot be
  /// given the answer of another (RFC 9207, A18).
  func redirect(_ parameters: [(name: String, value: String)], issuer: String) -> HTTPResponse {
    var query = ""
    for parameter in parameters { FormParameters.append(parameter.name, parameter.value, to: &query) }
    if let state { FormParameters.append("state", state, to: &query) }
    FormParameters.append("iss", issuer, to: &query)
    // The URI may have a query of its own, which stays (RFC 6749 §3.1.2).
    return Answer.redirect(to: redirectURI + (redirectURI.utf8.contains(0x3F) ? "&" : "?") + query)
  }
}

extension AuthorizationServer {
  /// Refuses by way of the browser (RFC 6749 §4.1.2.1), after the refusal is in the ledger. When the ledger cannot take it, the
  /// client is told to come back, and that has no entry.
  func refuse(_ refusal: Refusal, client: ClientID, subject: SubjectPseudonym? = nil, at address: ClientAddress) async
    -> HTTPResponse
  {
    dependencies.meter.refused.count(Flow.authorize.word, refusal.error.code)
    let isRecorded = await recordRefusal(refusal, client: client, subject: subject, flow: .authorize)
    let told = isRecorded ? refusal : .unavailable("the ledger failed")
    return address.redirect(
      [("error", told.error.code), ("error_description", told.explanation)], issuer: settings.issuer)
  }
}

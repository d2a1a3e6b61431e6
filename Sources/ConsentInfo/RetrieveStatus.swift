import Authorization
import Bytes
import Consent
import Gateway
import Identifiers
import Policy
import Store

/// `POST /retrieve`: how it stands with some scopes and a purpose, for the client of the token and one subscriber.
struct RetrieveStatus: LocalOperation {
  let api: ConsentInfo

  func answer(_ call: LocalCall) async -> LocalAnswer {
    guard let asked = StatusRequest(call.body), let subject = call.subject else {
      return .refusal(500, "INTERNAL")  // the policy's schema and subject rule let nothing else through
    }
    guard let purpose = allowed(asked, call.client) else {
      return .refusal(403, "CONSENT_INFO.NOT_ALLOWED_SCOPES_PURPOSE")
    }
    if let callback = asked.callbackURL {
      // The form is looked at again, whatever was registered once: this is where a browser will be sent (A16, A17).
      guard call.client.isCallback(callback), RedirectURI.fault(in: callback) == nil else {
        return .refusal(403, "CONSENT_INFO.INVALID_CALLBACK_URL")
      }
    }
    let standings: [(Scope, ScopeStanding)]
    let openQuestions: ScopeSet
    do {
      standings = try await api.consents.standing(
        subject: subject, client: call.client.id, purpose: purpose, scopes: asked.scopes)
      openQuestions = try api.server.openQuestions(subject: subject, client: call.client.id, purpose: purpose)
    } catch { return .refusal(503, "UNAVAILABLE") }
    let items = StatusInfo.items(standings, openQuestions: openQuestions, catalogue: api.catalogue)
    let askable = ScopeSet(items.filter(\.isAskable).flatMap(\.scopes))
    guard asked.wantsCaptureURL, !askable.isEmpty else { return StatusInfo.answer(items, purpose, captureURL: nil) }
    switch await api.server.issueCapture(
      client: call.client.id, subject: subject, purpose: purpose, scopes: askable, callbackURL: asked.callbackURL)
    {
    case .issued(let address): return StatusInfo.answer(items, purpose, captureURL: address)
    case .tooOften: return .refusal(403, "CONSENT_INFO.CAPTURE_FREQUENCY_EXCEEDED")
    case .failed: return .refusal(503, "UNAVAILABLE")
    }
  }

  /// The purpose, when the client is registered for it, for each scope, and for a flow in which it could get both.
  private func allowed(_ asked: StatusRequest, _ client: ClientRecord) -> Purpose? {
    let (scopes, catalogue) = (asked.scopes, api.catalogue)
    guard asked.areScopesWellFormed, client.purposes.contains(asked.purpose), catalogue.knows(asked.purpose),
      scopes.allSatisfy({ catalogue.knows($0) && client.scopes.contains($0) }),
      client.grantTypes.contains(where: { type in
        client.grantTypeRules.allSatisfy { $0.allows(type, purpose: asked.purpose, scopes: scopes) }
      })
    else { return nil }
    return asked.purpose
  }
}

/// The body of the request, which the policy's schema has found right.
private struct StatusRequest {
  let scopes: ScopeSet
  /// False when an entry is no scope at all.
  let areScopesWellFormed: Bool
  let purpose: Purpose
  let wantsCaptureURL: Bool
  let callbackURL: String?

  init?(_ body: [UInt8]) {
    guard let root = try? JSONDocument(body).root, let words = root["scopes"]?.array?.compactMap(\.string),
      let purpose = root["purpose"]?.string.flatMap(Purpose.init(rawValue:)), let wants = root["requestCaptureUrl"]?.boolean
    else { return nil }
    let scopes = words.compactMap(Scope.init(rawValue:))
    self.scopes = ScopeSet(scopes)
    areScopesWellFormed = !scopes.isEmpty && scopes.count == words.count
    self.purpose = purpose
    wantsCaptureURL = wants
    callbackURL = root["callbackUrl"]?.string
  }
}

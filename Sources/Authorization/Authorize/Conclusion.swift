import Bytes
import Consent
import Identifiers
import JOSE
import Store
import Wire

extension Visit {
  /// Records what the person decided and answers the client: a code for what the decision function then says, which is never
  /// more than what was ticked.
  func conclude(
    _ offer: ConsentOffer, _ outcome: InteractionOutcome, _ subscriber: RecognisedSubscriber
  ) async throws(Refusal) -> HTTPResponse {
    switch outcome {
    case .allow(let ticked, let shown):
      let agreed = offer.scopes(with: ticked)
      guard !agreed.isEmpty || offer.isEmpty else {
        try await record(offer, shown, subscriber, scopes: [], categories: [])
        throw Refusal(.accessDenied, "nothing that was asked for was agreed to")
      }
      try await record(offer, shown, subscriber, scopes: agreed, categories: ticked)
      return try await grant(coverage(subscriber), to: subscriber)
    case .deny(let shown):
      try await record(offer, shown, subscriber, scopes: [], categories: [])
      throw Refusal(.accessDenied, "the subscriber did not agree")
    }
  }

  /// One event of the consent: what was agreed to of what was shown; nothing agreed to is a denial. It replaces what an earlier
  /// decision said about what was shown and leaves the rest.
  private func record(
    _ offer: ConsentOffer, _ shown: ShownPage, _ subscriber: RecognisedSubscriber, scopes: ScopeSet,
    categories: Set<CategoryID>
  ) async throws(Refusal) {
    let now = dependencies.time.now()
    let event = ConsentEventRow(
      consent: ConsentID(rawValue: Random.token(byteCount: 16))!, subject: subscriber.pseudonym, client: client.id,
      purpose: request.purpose, kind: scopes.isEmpty ? "denied" : "granted", at: now, scopes: scopes,
      categories: categories.sorted(), shownScopes: offer.scopes, shownCategories: shown.categories.sorted(),
      flow: Flow.authorizationCode.rawValue, pageVersion: shown.version, language: shown.language,
      textDigest: shown.textDigest.hex, actor: "subscriber", expiresAt: scopes.isEmpty ? nil : offer.expiresAt)
    _ = try await orUnavailable("recording the decision") { try await dependencies.consents.append(event) }
  }
}

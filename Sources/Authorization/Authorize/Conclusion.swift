import Bytes
import Consent
import Identifiers
import Store
import Wire

/// The end of an interaction: the person's decision is in the consent's history, and the client gets to know.
struct Conclusion: Sendable {
  let visit: Visit
  let interaction: Interaction
  let subscriber: RecognisedSubscriber

  private var server: AuthorizationServer { visit.server }

  /// Records what the person decided and answers the client: with what the decision function then says, which is never more than
  /// what was ticked.
  func decided(_ outcome: InteractionOutcome) async -> HTTPResponse {
    await answer { () async throws(Refusal) in
      switch outcome {
      case .allow(let ticked, let shown):
        let agreed = interaction.offer.scopes(with: ticked)
        guard !agreed.isEmpty || interaction.offer.isEmpty else {
          try await record(shown, scopes: [], categories: [])
          throw Refusal(.accessDenied, "nothing that was asked for was agreed to")
        }
        try await record(shown, scopes: agreed, categories: ticked)
        let coverage = try await visit.coverage(subscriber)
        // Agreed to, and in force only once a consent master has taken it: that is not a no.
        let awaits = server.dependencies.consents.sourceWord != nil && !agreed.isEmpty
        guard !awaits || !coverage.covered.intersection(agreed).isEmpty else {
          throw .unavailable("the consent master has not taken yet what was agreed to")
        }
        return coverage
      case .deny(let shown):
        try await record(shown, scopes: [], categories: [])
        throw Refusal(.accessDenied, "the subscriber did not agree")
      }
    }
  }

  /// Answers the client with what is covered already; nothing was asked.
  func covered(_ coverage: Coverage) async -> HTTPResponse { await answer { () async throws(Refusal) in coverage } }

  /// A code or a refusal to the browser's client, a yes or a no to one that polls, the outcome to one that captures.
  private func answer(_ step: () async throws(Refusal) -> Coverage) async -> HTTPResponse {
    switch interaction.request.way {
    case .browser(let redirection):
      do throws(Refusal) { return try await visit.grant(step(), to: subscriber, at: redirection) } catch {
        return await server.refuse(
          error, client: visit.client.id, subject: subscriber.pseudonym, at: ClientAddress(redirection))
      }
    case .poll(let digest):
      var isGranted = false
      do throws(Refusal) { isGranted = try await !step().covered.isEmpty } catch {
        guard error.error == .accessDenied else { return server.dependencies.pages.unavailablePage(interaction) }
      }
      do { _ = try await server.dependencies.backchannel.decide(digest, granted: isGranted) } catch {
        return server.dependencies.pages.unavailablePage(interaction)
      }
      return server.dependencies.pages.decidedPage(interaction, isGranted: isGranted)
    case .capture(let capture):
      let result: CaptureResult
      do throws(Refusal) { result = CaptureResult(of: interaction.request.scopes, try await step()) } catch {
        result = error.error == .accessDenied ? .denied : .error
      }
      if let address = capture.address(result) { return Answer.redirect(to: address) }
      guard result != .error else { return server.dependencies.pages.unavailablePage(interaction) }
      return server.dependencies.pages.decidedPage(interaction, isGranted: result != .denied)
    }
  }

  /// One event of the consent: what was agreed to of what was shown; nothing agreed to is a denial. It replaces what an earlier
  /// decision said about what was shown and leaves the rest.
  private func record(_ shown: ShownPage, scopes: ScopeSet, categories: Set<CategoryID>) async throws(Refusal) {
    let (request, offer) = (interaction.request, interaction.offer)
    let event = ConsentEventRow(
      consent: .random(), subject: subscriber.pseudonym, client: visit.client.id,
      purpose: request.purpose, kind: scopes.isEmpty ? "denied" : "granted", at: server.dependencies.time.now(), scopes: scopes,
      categories: categories.sorted(), shownScopes: offer.scopes, shownCategories: shown.categories.sorted(),
      flow: request.flowWord, pageVersion: shown.version, language: shown.language, textDigest: shown.textDigest.hex,
      actor: "subscriber", expiresAt: scopes.isEmpty ? nil : offer.expiresAt)
    _ = try await orUnavailable("recording the decision") { try await server.dependencies.consents.append(event) }
  }
}

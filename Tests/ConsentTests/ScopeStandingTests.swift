import Bytes
import Foundation
import Identifiers
import JOSE
import Policy
import Store
import Testing

@testable import Consent

/// How it stands with a scope: what an application is told before it calls.
@Suite struct ScopeStandingTests {
  private struct NoObserver: ConsentObserver {
    func consentChanged(_ change: ConsentChange) async throws {}
  }

  private let register: ConsentRegister
  private let time = ManualTime(Fixture.now)

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("standing-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let stores = Stores(
      database: try Database(path: folder.appendingPathComponent("store.sqlite").path, time: time),
      lookup: HMACKey([UInt8](repeating: 1, count: 32)), sealing: SealingKey([UInt8](repeating: 2, count: 32)))
    register = ConsentRegister(
      store: stores.consents, refreshTokens: stores.refreshTokens, catalogue: Fixture.catalogue, time: time,
      observer: NoObserver())
  }

  /// A decision on a page that showed these scopes and all their categories.
  private func decide(_ shown: ScopeSet, agreed: ScopeSet, _ categories: [CategoryID], days: Int64 = 30) async throws {
    try await register.append(
      ConsentEventRow(
        consent: ConsentID(rawValue: "c")!, subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose,
        kind: agreed.isEmpty ? "denied" : "granted", at: time.now(), scopes: agreed, categories: categories, shownScopes: shown,
        shownCategories: Fixture.catalogue.categories(of: shown), flow: "capture", actor: "subscriber",
        expiresAt: agreed.isEmpty ? nil : time.now().adding(seconds: days * 86_400)))
    time.advance(seconds: 1)
  }

  private func standing(_ scope: Scope) async throws -> ScopeStanding {
    try await register.standing(
      subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose, scopes: [Fixture.identifier, Fixture.type]
    ).first { $0.0 == scope }!.1
  }

  @Test func whoWasNeverAskedWasNeverAsked() async throws {
    #expect(try await standing(Fixture.identifier) == .neverAsked)
  }

  @Test func whatWasAgreedToIsValidUntilItsEndAndExpiredAfterIt() async throws {
    let end = time.now().adding(seconds: 86_400)
    try await decide([Fixture.identifier], agreed: [Fixture.identifier], [Fixture.serial], days: 1)
    #expect(try await standing(Fixture.identifier) == .valid(until: end))
    #expect(try await standing(Fixture.type) == .neverAsked)
    time.advance(seconds: 86_400)
    #expect(try await standing(Fixture.identifier) == .expired(at: end))
    #expect(try await standing(Fixture.type) == .neverAsked, "what was never agreed to did not run out")
  }

  @Test func whatRanOutStaysExpiredWhenSomethingElseIsAgreedTo() async throws {
    let end = time.now().adding(seconds: 86_400)
    try await decide([Fixture.identifier], agreed: [Fixture.identifier], [Fixture.serial], days: 1)
    time.advance(seconds: 86_400)
    try await decide([Fixture.type], agreed: [Fixture.type], [Fixture.model])
    #expect(try await standing(Fixture.identifier) == .expired(at: end))
    guard case .valid = try await standing(Fixture.type) else { Issue.record("not valid"); return }
  }

  @Test func whatWasWithdrawnStaysDeniedWhenSomethingElseIsAgreedTo() async throws {
    try await decide([Fixture.identifier], agreed: [Fixture.identifier], [Fixture.serial], days: 1)
    let row = try #require(
      try await register.record(subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose)?.row)
    _ = try await register.revoke(row.id, actor: "subscriber", reason: "test")
    time.advance(seconds: 2 * 86_400)
    #expect(try await standing(Fixture.identifier) == .denied)
    #expect(try await standing(Fixture.type) == .denied, "who withdrew everything is not asked for more")
    try await decide([Fixture.type], agreed: [Fixture.type], [Fixture.model])
    #expect(try await standing(Fixture.identifier) == .denied)
  }

  @Test func aRefusalIsAboutWhatWasShown() async throws {
    try await decide([Fixture.identifier], agreed: [], [])
    #expect(try await standing(Fixture.identifier) == .denied)
    #expect(try await standing(Fixture.type) == .neverAsked)
    try await decide([Fixture.type], agreed: [Fixture.type], [Fixture.model])
    #expect(try await standing(Fixture.identifier) == .denied)
    try await decide([Fixture.identifier], agreed: [Fixture.identifier], [Fixture.serial])
    guard case .valid = try await standing(Fixture.identifier) else { Issue.record("not valid"); return }
  }

  @Test func aPageThatLackedWhatIsNeededNowWasNotThisQuestion() async throws {
    try await register.append(
      ConsentEventRow(
        consent: ConsentID(rawValue: "c")!, subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose,
        kind: "granted", at: time.now(), scopes: [Fixture.identifier], categories: [Fixture.model],
        shownScopes: [Fixture.identifier], shownCategories: [Fixture.model], flow: "capture", actor: "subscriber"))
    #expect(try await standing(Fixture.identifier) == .neverAsked)
  }
}

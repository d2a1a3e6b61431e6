import Bytes
import Foundation
import Identifiers
import JOSE
import Policy
import Store
import Synchronization
import Testing

@testable import Consent

/// A consent master as the register sees it: a record, what it was told of, and something that happens while it is asked.
private final class Master: ConsentSource {
  let row = Mutex<ConsentRow?>(nil)
  let whileAsked = Mutex<(@Sendable () -> Void)?>(nil)
  let asked = Atomic<Int>(0)
  let woken = Atomic<Int>(0)
  let took = Mutex<[String]>([])

  var word: StaticString? { "master" }
  var validity: ConsentValidity? { ConsentValidity(rememberedSeconds: 60, overdueSeconds: 0) }
  func look(_ key: ConsentKey) throws -> ConsentLook { .mustAsk }
  func row(_ key: ConsentKey, stamp: UInt64) async throws -> ConsentRow? {
    asked.add(1, ordering: .relaxed)
    whileAsked.withLock { $0 }?()
    return row.withLock { $0 }
  }
  func rows(of subject: SubjectPseudonym) async throws -> [ConsentRow] { row.withLock { $0.map { [$0] } ?? [] } }
  func took(_ event: ConsentEventRow) async { took.withLock { $0.append(event.kind) } }
  func wake() { woken.add(1, ordering: .relaxed) }
  func isSettled(_ subject: SubjectPseudonym) async throws -> Bool { true }
}

private struct Failure: Error {}

private final class Observer: ConsentObserver {
  let isFailing = Atomic<Bool>(false)
  func consentChanged(_ change: ConsentChange) async throws { if isFailing.load(ordering: .relaxed) { throw Failure() } }
}

/// Refresh tokens that cannot be ended.
private struct StuckTokens: RefreshTokenStore {
  func insert(_ record: RefreshTokenRecord) async throws {}
  func find(digest: Digest32) throws -> RefreshTokenRecord? { nil }
  func rotate(_ digest: Digest32, to successor: RefreshTokenRecord) async throws -> Bool { false }
  func takeBack(_ digest: Digest32, successor: Digest32) async throws {}
  func end(consent: ConsentID, subject: SubjectPseudonym) async throws { throw Failure() }
  func end(subject: SubjectPseudonym) async throws { throw Failure() }
}

/// The register before a consent master.
@Suite struct ConsentRegisterMasterTests {
  private let stores: Stores
  private let time = ManualTime(Fixture.now)
  private let master = Master()
  private let observer = Observer()
  private let changes = ChangeBoard()

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mastered-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    stores = Stores(
      database: try Database(path: folder.appendingPathComponent("store.sqlite").path, time: time),
      lookup: HMACKey([UInt8](repeating: 1, count: 32)), sealing: SealingKey([UInt8](repeating: 2, count: 32)),
      hasConsentMaster: true)
  }

  private func register(_ tokens: (any RefreshTokenStore)? = nil) -> ConsentRegister {
    ConsentRegister(
      store: stores.consents, refreshTokens: tokens ?? stores.refreshTokens, catalogue: Fixture.catalogue, time: time,
      observer: observer, source: master, changes: changes)
  }

  private func granted(_ id: String = "m-1") -> ConsentRow {
    ConsentRow(
      id: ConsentID(rawValue: id)!, subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose,
      scopes: [Fixture.identifier], categories: [Fixture.serial], legalBasis: "consent", status: "granted",
      grantedAt: Fixture.now, expiresAt: nil, updatedAt: Fixture.now)
  }

  // MARK: What changes at the master

  private func ask(_ memory: ConsentMemory) async throws {
    let answer = try memory.decide(
      operation: Fixture.operation("retrieveIdentifier"), scopes: [Fixture.identifier], subject: Fixture.subject,
      client: Fixture.client, purpose: Fixture.purpose, grantedAt: nil, now: Fixture.now, monotonic: time.monotonicNanoseconds())
    if case .mustAsk(let question) = answer { _ = try await memory.ask(question, time: time) }
  }

  @Test func aChangeOfAllAboutOneSubscriberIsNoneForAnother() async throws {
    master.row.withLock { $0 = granted() }
    let memory = register().memory(countMaximum: 10)
    try await ask(memory)
    changes.changed(SubjectPseudonym(rawValue: "somebody-else")!.changeHash)
    try await ask(memory)
    #expect(master.asked.load(ordering: .relaxed) == 1)
    changes.changed(Fixture.subject.changeHash)
    try await ask(memory)
    #expect(master.asked.load(ordering: .relaxed) == 2)
  }

  @Test func whatChangesAllTheTimeAboutOneSubscriberKeepsNobodyElseFromAnAnswer() async throws {
    master.row.withLock { $0 = granted() }
    let (register, changes) = (register(), changes)
    func find() async throws -> ConsentRow? {
      try await register.record(subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose)?.row
    }
    master.whileAsked.withLock { $0 = { changes.changed(SubjectPseudonym(rawValue: "somebody-else")!.changeHash) } }
    #expect(try await find() == granted())
    // About the subscriber: an answer from before the change is none.
    master.whileAsked.withLock { $0 = { changes.changed(Fixture.subject.changeHash) } }
    await #expect(throws: ConsentError.self) { try await find() }
  }

  // MARK: What is decided here

  @Test func aWithdrawalIsToldThoughTheLedgerFails() async throws {
    observer.isFailing.store(true, ordering: .relaxed)
    await #expect(throws: ConsentError.self) { try await register().revoke(granted(), actor: "subscriber", reason: "test") }
    #expect(master.woken.load(ordering: .relaxed) == 1)
  }

  @Test func aWithdrawalIsToldThoughRefreshTokensCannotBeEnded() async throws {
    await #expect(throws: Failure.self) {
      try await register(StuckTokens()).revoke(granted(), actor: "subscriber", reason: "test")
    }
    #expect(master.woken.load(ordering: .relaxed) == 1)
  }

  @Test func aGrantThatTheLedgerDoesNotTakeIsTakenBackAtTheMasterToo() async throws {
    observer.isFailing.store(true, ordering: .relaxed)
    await #expect(throws: ConsentError.self) {
      try await register().grantOnBehalf(
        subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose, scopes: [Fixture.identifier],
        categories: [Fixture.serial], reason: "test", expiresAt: Fixture.now.adding(seconds: 60))
    }
    let waiting = try stores.consentOutbox.waiting(subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose)
    #expect(waiting.map(\.kind) == ["granted", "revoked"])
    #expect(master.woken.load(ordering: .relaxed) == 1 && master.took.withLock { $0.isEmpty })
  }

  @Test func aWithdrawalEndsTheRefreshTokensThatRestOnTheMastersRecordAndNobodyElses() async throws {
    func token(_ name: String, _ subject: SubjectPseudonym) async throws -> Digest32 {
      let grant = GrantRecord(
        id: GrantID(rawValue: name)!, client: Fixture.client, subject: subject, purpose: Fixture.purpose,
        scopes: [Fixture.identifier], consent: ConsentID(rawValue: "m-1")!, flow: "authorization_code", amr: [],
        authenticatedAt: Fixture.now, createdAt: Fixture.now, expiresAt: Fixture.now.adding(seconds: 3600))
      try await stores.grants.insert(grant)
      let digest = SHA256.digest(Array(name.utf8))
      try await stores.refreshTokens.insert(
        RefreshTokenRecord(
          digest: digest, grant: grant.id, client: Fixture.client, scopes: [Fixture.identifier], createdAt: Fixture.now,
          expiresAt: Fixture.now.adding(seconds: 3600)))
      return digest
    }
    let mine = try await token("mine", Fixture.subject)
    let others = try await token("others", SubjectPseudonym(rawValue: "somebody-else")!)
    _ = try await register().revoke(granted(), actor: "subscriber", reason: "test")
    #expect(try stores.refreshTokens.find(digest: mine)?.usedAt != nil)
    #expect(try stores.refreshTokens.find(digest: others)?.usedAt == nil)
  }
}

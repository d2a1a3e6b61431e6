import Bytes
import Dispatch
import Foundation
import Identifiers
import JOSE
import Policy
import Store
import Synchronization
import Testing

@testable import Consent

/// Notes changes, and fails when it is told to.
private final class Observer: ConsentObserver {
  struct Failure: Error {}
  let isFailing = Atomic<Bool>(false)
  let kinds = Mutex<[String]>([])

  func consentChanged(_ change: ConsentChange) async throws {
    if isFailing.load(ordering: .relaxed) { throw Failure() }
    kinds.withLock { $0.append(change.event.kind) }
  }
}

/// An executor that a test can hold up.
private final class QueueExecutor: TaskExecutor {
  let queue = DispatchQueue(label: "held")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

@Suite struct ConsentRegisterTests {
  private let folder: URL
  private let database: Database
  private let register: ConsentRegister
  private let time = ManualTime(Fixture.now)
  private let observer = Observer()

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("consent-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    database = try Database(path: folder.appendingPathComponent("store.sqlite").path, time: SystemTime())
    let stores = Stores(
      database: database, lookup: HMACKey([UInt8](repeating: 1, count: 32)), sealing: SealingKey([UInt8](repeating: 2, count: 32))
    )
    register = ConsentRegister(
      store: stores.consents, refreshTokens: stores.refreshTokens, catalogue: Fixture.catalogue, time: time, observer: observer)
  }

  private func grant(_ scopes: ScopeSet = [Fixture.identifier], _ categories: [CategoryID] = [Fixture.serial]) async throws
    -> ConsentRow
  {
    try await register.grantOnBehalf(
      subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose, scopes: scopes, categories: categories,
      reason: "test", expiresAt: Fixture.now.adding(seconds: 3600))
  }

  private func isPermitted(_ memory: ConsentMemory, client: ClientID = Fixture.client, grantedAt: Timestamp? = nil) throws
    -> Bool
  {
    let decision = try memory.decide(
      operation: Fixture.operation("retrieveIdentifier"), scopes: [Fixture.identifier], subject: Fixture.subject, client: client,
      purpose: Fixture.purpose, grantedAt: grantedAt, now: Fixture.now, monotonic: 0)
    if case .decided(.permitted, source: nil) = decision { return true }
    return false
  }

  @Test func everyChangeIsSeenByAMemoryThatHasAlreadyAnswered() async throws {
    let memory = register.memory(countMaximum: 100)
    #expect(try !isPermitted(memory))
    let row = try await grant()
    #expect(try isPermitted(memory))
    _ = try await register.revoke(row.id, actor: "subscriber", reason: "test")
    #expect(try !isPermitted(memory))
    _ = try await grant()
    #expect(try isPermitted(memory))
    #expect(observer.kinds.withLock { $0 } == ["granted", "revoked", "granted"])
  }

  @Test func aConsentAfterAWithdrawalGivesNothingBackToOlderGrants() async throws {
    let memory = register.memory(countMaximum: 100)
    let row = try await grant()
    let before = time.now()
    #expect(try isPermitted(memory, grantedAt: before))
    time.advance(seconds: 1)
    _ = try await register.revoke(row.id, actor: "subscriber", reason: "test")
    #expect(try !isPermitted(memory, grantedAt: before))
    time.advance(seconds: 1)
    _ = try await grant()
    #expect(try !isPermitted(memory, grantedAt: before))
    #expect(try isPermitted(memory, grantedAt: time.now()))
    // A 2-legged token is nobody's grant.
    #expect(try isPermitted(memory, grantedAt: nil))
    func outcome(_ grantedAt: Timestamp?) async throws -> ScopeOutcome {
      let outcomes = try await register.decide(
        subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose, scopes: [Fixture.identifier],
        grantedAt: grantedAt)
      return outcomes[0].1
    }
    #expect(try await outcome(before) == .needsConsent)
    #expect(try await outcome(time.now()) == .granted(row.id))
  }

  @Test func anObjectionNeedsNoRecordBeforeItAndStaysInIt() async throws {
    let row = try await register.object(
      subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose, actor: "operator", reason: "test")
    #expect(row.status == "objected" && row.objectedAt == Fixture.now)
    _ = try await grant()
    let record = try await register.record(subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose)
    #expect(record?.row.status == "granted" && record?.row.objectedAt == Fixture.now)
    #expect(observer.kinds.withLock { $0 } == ["objected", "granted"])
  }

  /// Under another catalogue the same record is worked out anew; what was asked before is not asked for again.
  @Test func aMemoryGoesOnUnderAnotherCatalogue() async throws {
    let memory = register.memory(countMaximum: 10)
    let row = try await grant()
    #expect(try isPermitted(memory))
    let next = register.memory(countMaximum: 10, succeeding: memory)
    #expect(memory.count == 0 && next.count == 1)
    #expect(try isPermitted(next))
    _ = try await register.revoke(row.id, actor: "subscriber", reason: "test")
    #expect(try !isPermitted(next))
    #expect(try !isPermitted(memory), "calls of before are told too")
  }

  /// The caller's thread may be busy for long: what it has made durable must be seen all the same.
  @Test func aWithdrawalIsSeenThoughItsCallerIsHeldUp() async throws {
    let memory = register.memory(countMaximum: 10)
    let row = try await grant()
    #expect(try isPermitted(memory))
    let (executor, held) = (QueueExecutor(), DispatchSemaphore(value: 0))
    let isDone = Atomic<Bool>(false)
    let task = Task(executorPreference: executor) { [register] in
      executor.queue.async { held.wait() }
      _ = try await register.revoke(row.id, actor: "subscriber", reason: "test")
      isDone.store(true, ordering: .releasing)
    }
    let deadline = ContinuousClock.now + .seconds(10)
    while try isPermitted(memory), ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
    #expect(try !isPermitted(memory))
    let wasDone = isDone.load(ordering: .acquiring)
    #expect(!wasDone)
    held.signal()
    _ = try await task.value
  }

  @Test func consentForOneClientIsNoneForAnother() async throws {
    _ = try await grant()
    let memory = register.memory(countMaximum: 100)
    #expect(try !isPermitted(memory, client: ClientID(rawValue: "other")!))
  }

  @Test func aWithdrawalOnOneThreadIsSeenByTheNextQuestionOnAnother() async throws {
    let row = try await grant()
    let revoked = Atomic<Bool>(false)
    let late = Atomic<Int>(0)
    let asked = Atomic<Int>(0)
    let group = DispatchGroup()
    for _ in 0..<3 {
      DispatchQueue.global().async(group: group) { [register] in
        let memory = register.memory(countMaximum: 10)
        for _ in 0..<200_000 {
          let wasRevoked = revoked.load(ordering: .acquiring)
          let decision = try? memory.decide(
            operation: Fixture.operation("retrieveIdentifier"), scopes: [Fixture.identifier], subject: Fixture.subject,
            client: Fixture.client, purpose: Fixture.purpose, grantedAt: nil, now: Fixture.now, monotonic: 0)
          asked.add(1, ordering: .relaxed)
          if wasRevoked, case .decided(.permitted, _) = decision { late.add(1, ordering: .relaxed) }
          if wasRevoked { break }
        }
      }
    }
    while asked.load(ordering: .relaxed) < 1000 { await Task.yield() }
    _ = try await register.revoke(row.id, actor: "subscriber", reason: "test")
    revoked.store(true, ordering: .releasing)
    await withCheckedContinuation { continuation in group.notify(queue: .global()) { continuation.resume() } }
    #expect(late.load(ordering: .relaxed) == 0)
  }

  @Test func aGrantThatTheLedgerDoesNotTakeDoesNotCount() async throws {
    observer.isFailing.store(true, ordering: .relaxed)
    await #expect(throws: ConsentError.self) { try await grant() }
    #expect(try !isPermitted(register.memory(countMaximum: 10)))
  }

  @Test func aWithdrawalHoldsThoughTheLedgerDoesNotTakeIt() async throws {
    let row = try await grant()
    observer.isFailing.store(true, ordering: .relaxed)
    let error = await #expect(throws: ConsentError.self) { try await register.revoke(row.id, actor: "operator", reason: "test") }
    if case .withdrawnButNotRecorded? = error {
    } else {
      Issue.record("the caller is told what holds: \(String(describing: error))")
    }
    #expect(try !isPermitted(register.memory(countMaximum: 10)))
  }

  @Test func aScopeIsAskedForWhenConsentIsItsBasis() async throws {
    func outcomes() async throws -> [ScopeOutcome] {
      try await register.decide(
        subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose, scopes: [Fixture.identifier, Fixture.type]
      ).map(\.1)
    }
    #expect(try await outcomes() == [.needsConsent, .needsConsent])
    let row = try await grant()
    #expect(try await outcomes() == [.granted(row.id), .needsConsent])
  }

  @Test func aMemoryIsBounded() async throws {
    let memory = register.memory(countMaximum: 4)
    for index in 0..<100 {
      _ = try memory.decide(
        operation: Fixture.operation("retrieveIdentifier"), scopes: [Fixture.identifier],
        subject: SubjectPseudonym(rawValue: "s\(index)"), client: Fixture.client, purpose: Fixture.purpose, grantedAt: nil,
        now: Fixture.now, monotonic: 0)
    }
    #expect(memory.count <= 4)
  }

  @Test func anUnknownConsentCannotBeWithdrawn() async throws {
    await #expect(throws: ConsentError.self) {
      try await register.revoke(ConsentID(rawValue: "none")!, actor: "operator", reason: "test")
    }
  }
}

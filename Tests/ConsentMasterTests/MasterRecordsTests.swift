import Bytes
import Identifiers
import Store
import Testing

@testable import ConsentMaster

private let subject = SubjectPseudonym(rawValue: "s")!
private let bank = ClientID(rawValue: "bank")!
private let purpose = Purpose(rawValue: "dpv:FraudPreventionAndDetection")!
private let now = Timestamp(rfc3339: "2026-03-10T12:00:00Z")!
private let (serial, model) = (CategoryID(rawValue: "device-serial-number")!, CategoryID(rawValue: "device-make-model")!)

/// A record of the master's, and what was decided here that it does not know yet: what takes away counts, what gives does not.
@Suite struct MasterRecordsTests {
  private func row(_ status: String = "granted") -> ConsentRow {
    ConsentRow(
      id: ConsentID(rawValue: "m-1")!, subject: subject, client: bank, purpose: purpose, scopes: ScopeSet(parsing: "a:b a:c")!,
      categories: [model, serial], legalBasis: "consent", status: status, grantedAt: now, expiresAt: nil, updatedAt: now)
  }

  private func event(
    _ kind: String, _ scopes: String = "", _ categories: [CategoryID] = [], basis: String = "consent", after seconds: Int64 = 1,
    days: Int64? = nil
  ) -> ConsentEventRow {
    ConsentEventRow(
      consent: ConsentID(rawValue: "c-1")!, subject: subject, client: bank, purpose: purpose, legalBasis: basis, kind: kind,
      at: now.adding(seconds: seconds), scopes: ScopeSet(parsing: scopes) ?? [], categories: categories, flow: "test",
      actor: "subscriber", expiresAt: days.map { now.adding(seconds: $0 * 86_400) })
  }

  @Test func aWithdrawalThatIsOnItsWayHolds() throws {
    let narrowed = try #require(MasterRecords.narrowed(row(), by: [event("revoked")]))
    #expect(narrowed.status == "revoked" && narrowed.withdrawnAt == now.adding(seconds: 1))
    #expect(MasterRecords.narrowed(row(), by: [event("denied")])?.status == "denied")
    #expect(MasterRecords.narrowed(row("denied"), by: [event("revoked")])?.status == "revoked")
  }

  @Test func aGrantThatIsOnItsWayGivesNothing() throws {
    #expect(MasterRecords.narrowed(nil, by: [event("granted", "a:b", [serial])]) == nil)
    #expect(MasterRecords.narrowed(row("revoked"), by: [event("granted", "a:b", [serial])])?.status == "revoked")
    let narrowed = try #require(MasterRecords.narrowed(row(), by: [event("granted", "a:b a:d", [serial], days: 1)]))
    // Fewer than before, and nothing new: an untick counts at once.
    #expect(narrowed.status == "granted" && narrowed.scopes.map(\.rawValue) == ["a:b"] && narrowed.categories == [serial])
    #expect(narrowed.expiresAt == now.adding(seconds: 86_400))
  }

  @Test func aGrantAfterAWithdrawalGivesNothingBackToOlderTokens() throws {
    let waiting = [event("revoked"), event("granted", "a:b a:c", [model, serial], after: 2)]
    let narrowed = try #require(MasterRecords.narrowed(row(), by: waiting))
    #expect(narrowed.withdrawnAt == now.adding(seconds: 1))
  }

  @Test func anObjectionHoldsThoughTheMasterHasNeverHeardOfIt() throws {
    let objected = try #require(MasterRecords.narrowed(nil, by: [event("objected", basis: "legitimate_interest")]))
    #expect(objected.objectedAt == now.adding(seconds: 1) && objected.scopes.isEmpty)
    // Taken back: what the master knows of it stands until it knows better.
    var known = row()
    known.objectedAt = now
    #expect(MasterRecords.narrowed(known, by: [event("granted", basis: "legitimate_interest")])?.objectedAt == now)
  }

  @Test func whatWasAgreedToAndWaitsIsThereToBeWithdrawn() throws {
    let waiting = [event("granted", "a:b", [serial])]
    for known in [nil, row("revoked"), row("denied")] {
      let shown = try #require(MasterRecords.shown(known, by: waiting))
      #expect(shown.status == "pending" && shown.isAwaited && shown.isWithdrawable(at: now))
      #expect(shown.scopes.map(\.rawValue) == ["a:b"] && shown.categories == [serial])
      #expect(shown.id == known?.id ?? ConsentID(rawValue: "c-1")!)
      // And it gives nothing meanwhile.
      #expect(MasterRecords.narrowed(known, by: waiting)?.status != "granted")
    }
    // What has run out by then and was agreed to again.
    var past = row()
    past.expiresAt = now
    #expect(MasterRecords.shown(past, by: waiting)?.status == "pending")
  }

  @Test func whatWaitsAndWasWithdrawnIsNotAwaited() throws {
    let waiting = [event("granted", "a:b", [serial]), event("revoked", after: 2)]
    let shown = try #require(MasterRecords.shown(nil, by: waiting))
    #expect(shown.status == "revoked" && !shown.isAwaited && !shown.isWithdrawable(at: now))
    #expect(MasterRecords.shown(row(), by: [event("granted", "a:d", [serial])])?.status == "granted")
    #expect(MasterRecords.shown(row("pending"), by: [])?.isWithdrawable(at: now) == true)
    #expect(MasterRecords.shown(nil, by: [event("denied")])?.isWithdrawable(at: now) != true)
  }

  @Test func withNothingOnItsWayTheMastersWordStands() {
    #expect(MasterRecords.narrowed(row(), by: []) == row())
    #expect(MasterRecords.narrowed(nil, by: []) == nil)
  }
}

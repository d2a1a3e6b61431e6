import Bytes
import Foundation
import Identifiers
import Policy
import Store
import Testing

@testable import Consent

/// Questions and records to put to the decision function, over the shipped policies.
enum Fixture {
  static let catalogue = try! Catalogue.load(
    directory: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("policies").path)
  static let now = Timestamp(seconds: 1_800_000_000)
  static let identifier = Scope(rawValue: "device-identifier:retrieve-identifier")!
  static let type = Scope(rawValue: "device-identifier:retrieve-type")!
  static let serial = CategoryID(rawValue: "device-serial-number")!
  static let model = CategoryID(rawValue: "device-make-model")!
  static let subject = SubjectPseudonym(rawValue: "subject")!
  static let client = ClientID(rawValue: "client")!
  static let purpose = Purpose(rawValue: "dpv:FraudPreventionAndDetection")!

  static func operation(_ id: String) -> OperationPolicy {
    catalogue.operationsByIndex.first { $0.id.rawValue == id && $0.version == "0.3.0" }!
  }

  static func record(
    _ status: String, _ scopes: ScopeSet, _ categories: [CategoryID], expiresIn seconds: Int64? = 3600
  ) -> ConsentRecord {
    ConsentRecord(
      ConsentRow(
        id: ConsentID(rawValue: "consent")!, subject: subject, client: client, purpose: purpose, scopes: scopes,
        categories: categories, legalBasis: "consent", status: status, grantedAt: now,
        expiresAt: seconds.map(now.adding(seconds:)),
        updatedAt: now), catalogue)
  }
}

@Suite struct DecisionTests {
  private func decide(_ operation: String, _ scopes: ScopeSet, _ basis: LegalBasis?, _ record: ConsentRecord?) -> Decision {
    DecisionFunction.decide(
      operation: Fixture.operation(operation), scopes: scopes, basis: basis, record: record, grantedAt: nil, now: Fixture.now)
  }

  @Test func whatWasAgreedToIsPermittedAndNoMore() {
    let both = Fixture.record("granted", [Fixture.identifier], [Fixture.serial, Fixture.model])
    let serial = Fixture.record("granted", [Fixture.identifier], [Fixture.serial])
    guard case .permitted(let all) = decide("retrieveIdentifier", [Fixture.identifier], .consent, both),
      case .permitted(let some) = decide("retrieveIdentifier", [Fixture.identifier], .consent, serial)
    else { Issue.record("refused"); return }
    #expect(all.categories.mask == Fixture.catalogue.mask(of: [Fixture.serial, Fixture.model]))
    #expect(some.categories.mask == Fixture.catalogue.mask(of: [Fixture.serial]))
    #expect(all.consent?.rawValue == "consent" && all.basis == .consent)
  }

  @Test func aRequiredCategoryThatWasUntickedRefuses() {
    let record = Fixture.record("granted", [Fixture.identifier], [Fixture.model])
    #expect(decide("retrieveIdentifier", [Fixture.identifier], .consent, record) == .refused(.categoryWithheld))
  }

  @Test func neitherTheTokensScopesNorTheSubscribersAreEnoughAlone() {
    let record = Fixture.record("granted", [Fixture.type], [Fixture.serial, Fixture.model])
    #expect(decide("retrieveIdentifier", [Fixture.identifier, Fixture.type], .consent, record) == .refused(.scopeNotConsented))
    let full = Fixture.record("granted", [Fixture.identifier, Fixture.type], [Fixture.serial, Fixture.model])
    #expect(decide("retrieveIdentifier", [Fixture.type], .consent, full) == .refused(.scopeNotConsented))
  }

  @Test func expiryIsByTheClock() {
    let scopes: ScopeSet = [Fixture.identifier]
    for (seconds, expired) in [(Int64(1), false), (0, true), (-1, true)] {
      let record = Fixture.record("granted", scopes, [Fixture.serial], expiresIn: seconds)
      let decision = decide("retrieveIdentifier", scopes, .consent, record)
      #expect((decision == .refused(.expired)) == expired)
    }
    guard
      case .permitted = decide(
        "retrieveIdentifier", scopes, .consent, Fixture.record("granted", scopes, [Fixture.serial], expiresIn: nil))
    else { Issue.record("without an end it holds"); return }
  }

  /// The matrix legal basis × state of the record: what of it is permitted.
  @Test(arguments: LegalBasis.allCases, ["none", "pending", "granted", "denied", "revoked", "expired", "objected"])
  func basisAndState(_ basis: LegalBasis, _ state: String) {
    let record = state == "none" ? nil : Fixture.record(state, [Fixture.identifier], [Fixture.serial])
    let decision = decide("retrieveIdentifier", [Fixture.identifier], basis, record)
    let isPermitted = if case .permitted = decision { true } else { false }
    let expected =
      switch basis {
      case .consent: state == "granted"
      case .legitimateInterest: state != "objected" && state != "revoked"
      default: true
      }
    #expect(isPermitted == expected, "\(basis) \(state)")
  }

  /// A22: what was granted before a withdrawal does not live again.
  @Test func aGrantFromBeforeTheLatestWithdrawalStaysDead() {
    var row = Fixture.record("granted", [Fixture.identifier], [Fixture.serial]).row
    row.withdrawnAt = Fixture.now
    let record = ConsentRecord(row, Fixture.catalogue)
    for (grantedAt, isRefused) in [(Fixture.now.adding(seconds: -1), true), (Fixture.now, false), (nil, false)] {
      let decision = DecisionFunction.decide(
        operation: Fixture.operation("retrieveIdentifier"), scopes: [Fixture.identifier], basis: .consent, record: record,
        grantedAt: grantedAt, now: Fixture.now)
      #expect((decision == .refused(.revoked)) == isRefused, "\(String(describing: grantedAt))")
    }
  }

  @Test(arguments: ["granted", "denied", "revoked", "expired", "pending"])
  func anObjectionRefusesLegitimateInterestWhateverCameAfterIt(_ status: String) {
    var row = Fixture.record(status, [Fixture.identifier], [Fixture.serial]).row
    row.objectedAt = Fixture.now.adding(seconds: -100)
    let record = ConsentRecord(row, Fixture.catalogue)
    #expect(decide("retrieveIdentifier", [Fixture.identifier], .legitimateInterest, record) == .refused(.objected))
    // It says nothing against what they agreed to later.
    if status == "granted", case .refused = decide("retrieveIdentifier", [Fixture.identifier], .consent, record) {
      Issue.record("refused")
    }
  }

  @Test func withoutAPurposeThereIsNoPersonalData() {
    let record = Fixture.record("granted", [Fixture.identifier], [Fixture.serial])
    #expect(decide("retrieveIdentifier", [Fixture.identifier], nil, record) == .refused(.purposeMissing))
  }

  /// A22, as a property: whatever the record, consent permits exactly when a plain reading of the rules does, and never a category
  /// that was not agreed to.
  @Test func itAgreesWithAPlainModel() {
    var random = SystemRandomNumberGenerator()
    let scopes = Fixture.catalogue.scopes
    let categories = Fixture.catalogue.categories.map(\.id)
    let operations = Fixture.catalogue.operationsByIndex.filter(\.personalData)
    for _ in 0..<8_000 {
      let operation = operations.randomElement(using: &random)!
      let tokenScopes = ScopeSet(scopes.filter { _ in Bool.random(using: &random) })
      let consented = ScopeSet(scopes.filter { _ in Bool.random(using: &random) })
      let ticked = categories.filter { _ in Bool.random(using: &random) }
      let status = ["granted", "granted", "revoked", "denied", "objected"].randomElement(using: &random)!
      let life = Int64.random(in: -2...2, using: &random)
      let record = Fixture.record(status, consented, ticked, expiresIn: life)
      let decision = DecisionFunction.decide(
        operation: operation, scopes: tokenScopes, basis: .consent, record: record, grantedAt: nil, now: Fixture.now)

      let agreed = Set(ticked)
      func names(_ mask: FieldMask) -> Set<CategoryID> {
        Set(Fixture.catalogue.categories.filter { $0.mask & mask != 0 }.map(\.id))
      }
      let required = names(operation.requiredCategories)
      // A field that hangs on a scope wants that scope too (kyc-fill-in).
      let opened = operation.optionalCategories(openedBy: tokenScopes.intersection(consented))
      let offered = required.union(names(opened))
      let shown = offered.intersection(agreed)
      // An act that tells nothing wants the scope alone.
      let isAllowed =
        status == "granted" && life > 0 && (offered.isEmpty || !shown.isEmpty) && required.isSubset(of: agreed)
        && operation.scopeAlternatives.contains { $0.allSatisfy { tokenScopes.contains($0) && consented.contains($0) } }
      switch decision {
      case .permitted(let permission):
        #expect(isAllowed && names(permission.categories.mask) == shown)
      case .refused: #expect(!isAllowed)
      }
    }
  }
}

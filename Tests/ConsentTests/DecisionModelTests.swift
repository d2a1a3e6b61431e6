import Bytes
import Identifiers
import Policy
import Store
import Testing

@testable import Consent

/// Numbers that come again with the same seed (SplitMix64).
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// What happened between a subscriber, a client and a purpose, remembered in the plainest way: sets and times, no records, no masks.
private struct PlainModel {
  private(set) var word = "nothing"
  private(set) var scopes = Set<Scope>()
  private(set) var categories = Set<CategoryID>()
  private(set) var until: Timestamp?
  private(set) var lastEnd: Timestamp?
  private(set) var hasObjected = false

  func stands(at time: Timestamp) -> Bool { word == "granted" && (until.map { time < $0 } ?? true) }

  mutating func take(_ event: ConsentEventRow) {
    switch event.kind {
    case "requested": if word == "nothing" { word = "pending" }
    case "expired": word = "expired"
    case "revoked": (word, lastEnd) = ("revoked", event.at)
    case "objected": (word, lastEnd, hasObjected) = ("objected", event.at, true)
    case "granted" where event.legalBasis == "legitimate_interest":
      // Only the subscriber takes an objection back; it is agreement to nothing else.
      if event.actor == "subscriber" {
        hasObjected = false
        if word == "objected" { word = "pending" }
      }
      if word == "nothing" { word = "pending" }
    default: decide(event)
    }
  }

  private mutating func decide(_ event: ConsentEventRow) {
    let stood = stands(at: event.at)
    // What the page did not show, and still stands, stays.
    let keptScopes = stood && event.shownScopes != nil ? scopes.subtracting(event.shownScopes!) : []
    let keptCategories = stood && event.shownCategories != nil ? categories.subtracting(event.shownCategories!) : []
    let given = event.kind == "granted"
    let nowScopes = keptScopes.union(given ? Set(event.scopes) : [])
    if nowScopes.isEmpty {
      if stood { lastEnd = event.at }
      (word, scopes, categories, until) = ("denied", [], [], nil)
      return
    }
    (word, scopes) = ("granted", nowScopes)
    categories = keptCategories.union(given ? Set(event.categories) : [])
    guard given else { return }
    if keptScopes.isEmpty {
      until = event.expiresAt
    } else {
      let ends = [until, event.expiresAt].compactMap { $0 }
      until = ends.min()
    }
  }

  /// The categories that may be released; nil when the call is to be refused.
  ///
  /// - Parameter optional: of the fields that need not be there, by the scopes that hold: some hang on one (`kyc-fill-in`).
  func released(
    required: Set<CategoryID>, optional: (Set<Scope>) -> Set<CategoryID>, alternatives: [Set<Scope>], tokenScopes: Set<Scope>,
    basis: LegalBasis,
    grantedAt: Timestamp?, now: Timestamp
  ) -> Set<CategoryID>? {
    let held = basis == .consent ? tokenScopes.intersection(scopes) : tokenScopes
    let offered = required.union(optional(held))
    switch basis {
    case .contract, .legalObligation, .vitalInterest, .publicInterest: return offered
    case .legitimateInterest: return hasObjected || word == "objected" || word == "revoked" ? nil : offered
    case .consent:
      guard stands(at: now) else { return nil }
      if let grantedAt, let lastEnd, grantedAt < lastEnd { return nil }
      guard alternatives.contains(where: { $0.isSubset(of: held) }) else { return nil }
      guard required.isSubset(of: categories) else { return nil }
      let given = offered.intersection(categories)
      return given.isEmpty && !offered.isEmpty ? nil : given
    }
  }
}

/// The decision function against the plain model, over histories, legal bases, scopes, categories and times that nobody thought of.
@Suite struct DecisionModelTests {
  private static let catalogue = Fixture.catalogue

  private static func names(_ mask: FieldMask) -> Set<CategoryID> {
    Set(catalogue.categories.filter { $0.mask & mask != 0 }.map(\.id))
  }

  private static func some<Element>(_ all: [Element], _ random: inout SeededGenerator) -> [Element] {
    // Mostly many, sometimes few: both halves of every rule are met.
    let odds = Int.random(in: 1...4, using: &random)
    return all.filter { _ in Int.random(in: 0..<4, using: &random) < odds }
  }

  private static func event(at: Timestamp, _ random: inout SeededGenerator) -> ConsentEventRow {
    let scopes = catalogue.scopes
    let categories = catalogue.categories.map(\.id)
    let kind = ["granted", "granted", "granted", "denied", "revoked", "objected", "requested", "expired"]
      .randomElement(using: &random)!
    let isAnswer = kind == "granted" || kind == "denied"
    return ConsentEventRow(
      consent: ConsentID(rawValue: "consent")!, subject: Fixture.subject, client: Fixture.client, purpose: Fixture.purpose,
      legalBasis: kind == "objected" || Int.random(in: 0..<8, using: &random) == 0 ? "legitimate_interest" : "consent",
      kind: kind, at: at, scopes: isAnswer ? ScopeSet(some(scopes, &random)) : [],
      categories: isAnswer ? some(categories, &random).sorted() : [],
      shownScopes: isAnswer && Bool.random(using: &random) ? ScopeSet(some(scopes, &random)) : nil,
      shownCategories: isAnswer && Bool.random(using: &random) ? some(categories, &random) : nil, flow: "test",
      actor: ["subscriber", "operator"].randomElement(using: &random)!,
      expiresAt: kind == "granted" && Int.random(in: 0..<4, using: &random) > 0
        ? at.adding(seconds: Int64.random(in: 0...12, using: &random)) : nil)
  }

  @Test(arguments: [1, 20_260_131, 0xC0FFEE] as [UInt64]) func itAgreesWithAPlainModel(_ seed: UInt64) {
    var random = SeededGenerator(state: seed)
    let operations = Self.catalogue.operationsByIndex.filter(\.personalData)
    var (permitted, refused) = (0, 0)
    for number in 0..<3000 {
      var model = PlainModel()
      var events: [ConsentEventRow] = []
      var at = Fixture.now.adding(seconds: -20)
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        at = at.adding(seconds: Int64.random(in: 0...4, using: &random))
        let event = Self.event(at: at, &random)
        events.append(event)
        model.take(event)
      }
      let operation = operations.randomElement(using: &random)!
      let tokenScopes = Self.some(Self.catalogue.scopes, &random)
      let basis = LegalBasis.allCases.randomElement(using: &random)!
      let now = at.adding(seconds: Int64.random(in: 0...12, using: &random))
      let grantedAt = Bool.random(using: &random) ? at.adding(seconds: Int64.random(in: -8...4, using: &random)) : nil

      let decision = DecisionFunction.decide(
        operation: operation, scopes: ScopeSet(tokenScopes), basis: basis,
        record: ConsentRow.sum(events).map { ConsentRecord($0, Self.catalogue) }, grantedAt: grantedAt, now: now)
      let expected = model.released(
        required: Self.names(operation.requiredCategories),
        optional: { Self.names(operation.optionalCategories(openedBy: ScopeSet(Array($0)))) },
        alternatives: operation.scopeAlternatives.map(Set.init), tokenScopes: Set(tokenScopes), basis: basis,
        grantedAt: grantedAt, now: now)
      switch decision {
      case .permitted(let permission):
        permitted += 1
        let released = Self.names(permission.categories.mask)
        #expect(released == expected, "seed \(seed), case \(number): \(events)")
        #expect((permission.consent != nil) == (basis == .consent) && permission.basis == basis)
      case .refused:
        refused += 1
        #expect(expected == nil, "seed \(seed), case \(number): \(decision) \(events)")
      }
    }
    // A generator that only makes refusals would prove nothing.
    #expect(permitted > 400 && refused > 400, "\(permitted) \(refused)")
  }

  /// The matrix: how old the grant is × legal basis × state of the record.
  @Test(
    arguments: LegalBasis.allCases,
    ["none", "pending", "granted", "granted again", "denied", "revoked", "expired", "objected", "objected, granted again"])
  func grantAndBasisAndState(_ basis: LegalBasis, _ state: String) {
    let withdrawn = Fixture.now.adding(seconds: -10)
    let words = state.split(separator: ",")[0].split(separator: " ")[0]
    var row = Fixture.record(state.hasSuffix("again") ? "granted" : String(words), [Fixture.identifier], [Fixture.serial]).row
    if state.hasSuffix("again") || state == "revoked" || state == "objected" { row.withdrawnAt = withdrawn }
    if state.hasPrefix("objected") { row.objectedAt = withdrawn }
    let record = state == "none" ? nil : ConsentRecord(row, Fixture.catalogue)
    let grants: [(String, Timestamp?)] = [
      ("2-legged", nil), ("before the withdrawal", withdrawn.adding(seconds: -1)), ("after it", withdrawn.adding(seconds: 1)),
    ]
    for (name, grantedAt) in grants {
      let decision = DecisionFunction.decide(
        operation: Fixture.operation("retrieveIdentifier"), scopes: [Fixture.identifier], basis: basis, record: record,
        grantedAt: grantedAt, now: Fixture.now)
      let isPermitted = if case .permitted = decision { true } else { false }
      let expected =
        switch basis {
        case .consent: state == "granted" || (state.hasSuffix("again") && name != "before the withdrawal")
        case .legitimateInterest: !state.hasPrefix("objected") && state != "revoked"
        case .contract, .legalObligation, .vitalInterest, .publicInterest: true
        }
      #expect(isPermitted == expected, "\(basis), \(state), \(name)")
    }
  }
}

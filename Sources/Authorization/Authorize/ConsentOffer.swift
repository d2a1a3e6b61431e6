import Bytes
import Identifiers
import Policy

/// What a request puts to its subscriber: the data categories behind those of its scopes that rest on consent.
///
/// It depends on the request, the catalogue and the legal bases alone, not on what was agreed to before: whoever is asked sees
/// the whole question.
public struct ConsentOffer: Sendable {
  /// One category on the page.
  public struct Item: Sendable {
    public let category: Policy.Category
    public let cost: Cost
  }

  /// What the client loses when this one tick is taken away.
  public enum Cost: Sendable, Equatable {
    case nothing
    /// These services, by title; others go on.
    case services([LocalizedText])
    case everything
  }

  public let purpose: PurposeTerm
  /// The scopes that rest on consent; the others are granted or refused without a question.
  public let scopes: ScopeSet
  /// In the order of the catalogue.
  public let items: [Item]
  /// Until when an answer holds: counted from when the person was asked, so that it is the day that stood on the page.
  public let expiresAt: Timestamp
  private let needs: [Need]

  /// What one operation behind a scope takes.
  private struct Need: Sendable {
    let scope: Scope
    let title: LocalizedText
    let required: FieldMask
    let optional: FieldMask

    var tellsNothing: Bool { required | optional == 0 }

    /// The operation gives something with these categories: all that it must give, and not nothing.
    func isMet(by allowed: FieldMask) -> Bool {
      required & ~allowed == 0 && (tellsNothing || (required | optional) & allowed != 0)
    }
  }

  /// Nil when the purpose is not in the catalogue (any more).
  init?(
    _ request: AuthorizationRequest, catalogue: Catalogue, madeAt: Timestamp, lifetimeSeconds: Int64
  ) {
    guard let purpose = catalogue.purpose(request.purpose) else { return nil }
    let needs = request.scopes.apiScopes.flatMap { scope in
      let needs = catalogue.operations(scope).filter { operation in
        operation.personalData
          && catalogue.legalBases.basis(api: operation.api, purpose: request.purpose, client: request.client) == .consent
      }.map {
        Need(
          scope: scope, title: $0.title, required: $0.requiredCategories,
          // Where single fields hang on scopes, one scope asks for no more than its own.
          optional: $0.optionalCategories(openedBy: [scope]))
      }
      // What tells nothing is met by nothing: it keeps no scope for which another operation would tell something.
      return needs.allSatisfy(\.tellsNothing) ? needs : needs.filter { !$0.tellsNothing }
    }
    let offered = needs.reduce(0) { $0 | $1.required | $1.optional }
    self.purpose = purpose
    self.needs = needs
    scopes = ScopeSet(needs.map(\.scope))
    expiresAt = madeAt.adding(seconds: lifetimeSeconds)
    let rest = request.scopes.apiScopes.subtracting(scopes)
    items = catalogue.categories.filter { offered & $0.mask != 0 }.map {
      Item(category: $0, cost: Self.cost(without: offered & ~$0.mask, needs, isAlone: rest.isEmpty))
    }
  }

  public var categoryIDs: Set<CategoryID> { Set(items.map(\.category.id)) }
  var isEmpty: Bool { scopes.isEmpty }

  /// The scopes that still open something when these categories are agreed to.
  func scopes(with ticked: Set<CategoryID>) -> ScopeSet {
    let allowed = items.reduce(FieldMask(0)) { ticked.contains($1.category.id) ? $0 | $1.category.mask : $0 }
    return ScopeSet(needs.filter { $0.isMet(by: allowed) }.map(\.scope))
  }

  /// - Parameter isAlone: nothing is asked for beside what rests on consent.
  private static func cost(without allowed: FieldMask, _ needs: [Need], isAlone: Bool) -> Cost {
    let kept = Set(needs.filter { $0.isMet(by: allowed) }.map(\.scope))
    let lost = needs.filter { !kept.contains($0.scope) }
    if lost.isEmpty { return .nothing }
    if kept.isEmpty && isAlone { return .everything }
    // Versions of one API open the same service under one title: said once.
    var titles: [LocalizedText] = []
    for need in lost where !titles.contains(need.title) { titles.append(need.title) }
    return .services(titles)
  }
}

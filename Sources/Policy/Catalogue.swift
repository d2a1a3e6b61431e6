import Bytes
import Identifiers

/// All that the policies teach: APIs and their operations, categories, purposes, legal bases. Immutable; a reload makes a new one.
public struct Catalogue: Sendable {
  public let apis: [APIPolicy]
  /// By the bit that stands for each in a `FieldMask`.
  public let categories: [Category]
  public let purposes: [PurposeTerm]
  public let legalBases: LegalBases
  public let routes: RoutingTable
  /// Every operation, by its index.
  public let operationsByIndex: [OperationPolicy]
  /// Every scope of every operation, once, in the order of the files.
  public let scopes: [Scope]
  /// For what concerns no API.
  public let commonErrors = ErrorCodes.common
  private let operationsByScope: [Scope: [OperationPolicy]]
  private let purposesByName: [Purpose: PurposeTerm]

  init(apis: [APIPolicy], categories: [Category], purposes: [PurposeTerm], legalBases: LegalBases) {
    self.apis = apis
    self.categories = categories
    self.purposes = purposes
    self.legalBases = legalBases
    routes = RoutingTable(apis)
    operationsByIndex = apis.flatMap(\.operations)
    scopes = ScopeSet(operationsByIndex.flatMap { $0.scopeAlternatives.flatMap { $0 } }).elements
    var byScope: [Scope: [OperationPolicy]] = [:]
    for operation in operationsByIndex {
      for scope in ScopeSet(operation.scopeAlternatives.flatMap { $0 }) { byScope[scope, default: []].append(operation) }
    }
    operationsByScope = byScope
    purposesByName = Dictionary(purposes.map { ($0.purpose, $0) }) { first, _ in first }
  }

  // MARK: Scopes

  public func knows(_ scope: Scope) -> Bool { operationsByScope[scope] != nil }

  /// The operations that name the scope.
  public func operations(_ scope: Scope) -> [OperationPolicy] { operationsByScope[scope] ?? [] }

  /// The operations that a token with these scopes may call.
  public func operations(openedBy scopes: ScopeSet) -> OperationSet {
    var set = OperationSet(count: operationsByIndex.count)
    for scope in scopes {
      for operation in operations(scope) where operation.isOpened(by: scopes) { set.insert(operation.index) }
    }
    return set
  }

  // MARK: Resources

  /// Of some kinds of resources those that no operation has: nobody could read or end what there is of them.
  public func unknown(resourceKinds kinds: [String]) -> [String] {
    let known = Set(operationsByIndex.flatMap(\.resources).map(\.kind))
    return kinds.filter { !known.contains($0) }
  }

  // MARK: Purposes

  public func knows(_ purpose: Purpose) -> Bool { purposesByName[purpose] != nil }
  public func purpose(_ purpose: Purpose) -> PurposeTerm? { purposesByName[purpose] }

  // MARK: Categories

  public func category(_ id: CategoryID) -> Category? { categories.first { $0.id == id } }

  /// The categories that the operations of these scopes can release.
  public func categories(of scopes: ScopeSet) -> [CategoryID] {
    let mask = scopes.reduce(FieldMask(0)) { mask, scope in
      operations(scope).reduce(mask) { $0 | $1.requiredCategories | $1.optionalCategories(openedBy: scopes) }
    }
    return categories.filter { $0.mask & mask != 0 }.map(\.id)
  }

  /// The mask of some categories; those that are not known any more stand for nothing.
  public func mask(of ids: [CategoryID]) -> FieldMask { ids.reduce(0) { $0 | (category($1)?.mask ?? 0) } }
}

import Bytes
import Identifiers

/// What lets the fields of an operation leave, where that is more than the subscriber's agreement to a category: scopes of single
/// fields (`kyc-fill-in`), and whether the client named the subscriber itself.
///
/// The filter of such an operation knows the bits of this table instead of those of categories. Operations without such fields,
/// which are nearly all, have no table.
public struct FieldConditions: Sendable {
  /// One bit of the filter.
  struct Condition: Sendable, Equatable {
    /// Any one of them; nil where none is needed.
    var categories: FieldMask?
    /// Any one of them; empty where none is needed.
    var scopes: [Scope] = []
    var isNamed = false
  }

  static let countMaximum = 128
  private(set) var conditions: [Condition] = []
  /// The bits of what leaves only when the client named the subscriber itself.
  public private(set) var named: FieldMask = 0

  /// The bit of a condition; nil when there is no room for another.
  mutating func bit(_ condition: Condition) -> FieldMask? {
    if let index = conditions.firstIndex(of: condition) { return 1 << FieldMask(index) }
    guard conditions.count < Self.countMaximum else { return nil }
    conditions.append(condition)
    let bit: FieldMask = 1 << FieldMask(conditions.count - 1)
    if condition.isNamed { named |= bit }
    return bit
  }

  /// The bits for the filter, `named` among them whoever named the subscriber.
  ///
  /// - Parameters:
  ///   - allowed: the categories that were agreed to.
  ///   - scopes: of the token, as far as the subscriber agreed to them.
  public func fields(allowed: FieldMask, scopes: ScopeSet) -> FieldMask {
    var bit: FieldMask = 1
    return conditions.reduce(into: 0) { fields, condition in
      if Self.holds(condition, allowed, scopes) { fields |= bit }
      bit <<= 1
    }
  }

  /// The categories behind the bits that the filter released, of those that were agreed to.
  public func categories(_ fields: FieldMask, allowed: FieldMask) -> FieldMask {
    conditions.indices.reduce(0) { mask, index in
      fields & 1 << FieldMask(index) == 0 ? mask : mask | (conditions[index].categories ?? 0) & allowed
    }
  }

  /// The categories that fields can release to a token with these scopes.
  func categories(openedBy scopes: ScopeSet) -> FieldMask {
    conditions.reduce(0) { mask, condition in
      Self.holds(condition, .max, scopes) ? mask | (condition.categories ?? 0) : mask
    }
  }

  private static func holds(_ condition: Condition, _ allowed: FieldMask, _ scopes: ScopeSet) -> Bool {
    (condition.categories.map { $0 & allowed != 0 } ?? true)
      && (condition.scopes.isEmpty || condition.scopes.contains(where: scopes.contains))
  }
}

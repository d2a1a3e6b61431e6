import Bytes
import Identifiers
import Store

/// Which calls are charged.
public enum Charging: String, Sendable, CaseIterable {
  /// Those that the backend answered with 2xx.
  case success
  /// Those that the backend answered with anything below 500. What the gateway refused is never charged, nor what failed at the operator.
  case call

  func counts(_ row: UsageRow) -> Int {
    switch self {
    case .success: row.succeeded
    case .call: row.succeeded + (row.statusClass < 5 ? row.failed : 0)
    }
  }
}

/// What calls of one operation cost.
///
/// The charged calls of a client to the operation are numbered from 1, month by month. Number n costs nothing up to `freePerMonth`, and
/// beyond it the price of the last step that begins at n or before (graduated tiers).
public struct Tariff: Sendable, Hashable {
  public struct Step: Sendable, Hashable {
    /// The number of the first call that this price is for; 1 in the first step.
    public var from: Int
    public var price: Amount

    public init(from: Int, price: Amount) {
      self.from = from
      self.price = price
    }
  }

  public var currency: Currency
  public var charging: Charging
  public var freePerMonth: Int
  /// Ascending.
  public var steps: [Step]

  public init(currency: Currency, charging: Charging = .success, freePerMonth: Int = 0, steps: [Step]) {
    self.currency = currency
    self.charging = charging
    self.freePerMonth = freePerMonth
    self.steps = steps
  }

  /// Calls of one price.
  struct Portion: Equatable {
    var count: Int
    /// Within the free quota.
    var isFree: Bool
    var price: Amount
  }

  /// What the next `count` charged calls cost after `before` others in the month, in portions of one price.
  func portions(after before: Int, count: Int) -> [Portion] {
    var portions: [Portion] = []
    var (number, left) = (before + 1, count)
    while left > 0 {
      let isFree = number <= freePerMonth
      let index = steps.lastIndex { $0.from <= number } ?? 0
      // The last call that has the same price.
      let next = steps.indices.contains(index + 1) ? steps[index + 1].from - 1 : Int.max
      let end = isFree ? freePerMonth : next
      let taken = min(left, end - number + 1)
      portions.append(Portion(count: taken, isFree: isFree, price: isFree ? .zero : steps[index].price))
      number += taken
      left -= taken
    }
    return portions
  }
}

/// One version of a plan: prices for operations, from a day on.
public struct PlanVersion: Sendable, Hashable {
  /// For which operations a price is; nil stands for every one.
  public struct Rule: Sendable, Hashable {
    public var api: String?
    public var operation: String?
    public var tariff: Tariff
  }

  /// Hours since 1970 UTC, the first of a day; nil: since ever.
  public var fromHour: Int?
  public var currency: Currency
  public var rules: [Rule]

  /// The price of an operation: of the rule that names it, before the one of its API, before the one of all.
  func tariff(api: String, operation: String) -> Tariff? {
    let found =
      rules.first { $0.api == api && $0.operation == operation } ?? rules.first { $0.api == api && $0.operation == nil }
      ?? rules.first { $0.api == nil }
    return found?.tariff
  }
}

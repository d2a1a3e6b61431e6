import Bytes
import Identifiers
import Store

/// All plans, who has which, and what calls cost for who has none.
public struct PlanBook: Sendable {
  /// By name; the earliest version first.
  public internal(set) var plans: [String: [PlanVersion]] = [:]
  /// What the configuration says of clients; it stands before what their registrations say.
  public internal(set) var assignments: [ClientID: [PlanAssignment]] = [:]
  /// By API and operation: the prices of the policies.
  private var list: [String: Tariff] = [:]

  public init() {}

  /// Sets what a successful call costs for clients without a plan.
  public mutating func setListPrice(api: String, operation: String, micros: Int, currency: Currency) {
    list[api + " " + operation] = Tariff(
      currency: currency, steps: [Tariff.Step(from: 1, price: Amount(micros: Int128(micros)))])
  }

  /// Why a client cannot have a plan; nil when it can.
  public func fault(of assignment: PlanAssignment) -> String? {
    guard let versions = plans[assignment.plan] else {
      let nearest = NearestName.to(assignment.plan, among: plans.keys.sorted())
      return "there is no plan \"\(assignment.plan)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
    }
    guard let begin = versions[0].fromHour, begin > assignment.fromHour ?? .min else { return nil }
    return
      "the plan \"\(assignment.plan)\" begins on \(PlanAssignment(plan: "", fromHour: begin).fromDay!), and the client has it before"
  }

  /// The plans of one client.
  ///
  /// - Parameter registered: what its registration says.
  /// - Throws: `AccountingError.plan` when it has one that cannot be: nothing is rated by a guess.
  public func plans(of client: ClientID, registered: [PlanAssignment]) throws(AccountingError) -> ClientPlans {
    let chosen = assignments[client] ?? registered
    for assignment in chosen {
      if let fault = fault(of: assignment) { throw .plan("client \(client): \(fault)") }
    }
    return ClientPlans(
      periods: chosen.map { ClientPlans.Period(fromHour: $0.fromHour ?? .min, name: $0.plan, versions: plans[$0.plan]!) },
      list: list)
  }

  /// What is likely to be a mistake: prices for operations that no policy has, and operations that a plan gives away.
  ///
  /// - Parameter operations: of the policies, those that backends serve.
  public func remarks(operations: [(api: String, operation: String)]) -> [String] {
    var remarks: [String] = []
    for (name, versions) in plans.sorted(by: { $0.key < $1.key }) {
      for rule in versions.flatMap(\.rules) {
        guard let api = rule.api else { continue }
        let known = operations.filter { $0.api == api }
        if known.isEmpty {
          remarks.append("plan \(name): no policy is of the API \(api)" + hint(api, operations.map(\.api)))
        } else if let operation = rule.operation, !known.contains(where: { $0.operation == operation }) {
          remarks.append("plan \(name): \(api) has no operation \(operation)" + hint(operation, known.map(\.operation)))
        }
      }
      for (api, operation) in operations where versions.contains(where: { $0.tariff(api: api, operation: operation) == nil }) {
        remarks.append("plan \(name) has no price for \(operation) of \(api): those calls cost nothing")
      }
    }
    return remarks.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  private func hint(_ word: String, _ names: [String]) -> String {
    NearestName.to(word, among: names).map { "; did you mean \($0)?" } ?? ""
  }
}

/// By which prices one client's calls are rated, hour by hour.
public struct ClientPlans: Sendable {
  struct Period: Sendable {
    var fromHour: Int
    var name: String
    var versions: [PlanVersion]
  }

  /// A price, and by which plan it is.
  struct Price: Sendable, Hashable {
    /// Nil: the policies' list prices.
    var plan: String?
    /// The day from which the plan's version holds; nil: since ever.
    var version: String?
    var tariff: Tariff
  }

  /// The earliest first.
  let periods: [Period]
  let list: [String: Tariff]

  /// Nil when the operation has no price then.
  func price(hour: Int, api: String, operation: String) -> Price? {
    guard let period = periods.last(where: { $0.fromHour <= hour }) else {
      return list[api + " " + operation].map { Price(plan: nil, version: nil, tariff: $0) }
    }
    guard let version = period.versions.last(where: { ($0.fromHour ?? .min) <= hour }),
      let tariff = version.tariff(api: api, operation: operation)
    else { return nil }
    return Price(
      plan: period.name, version: PlanAssignment(plan: period.name, fromHour: version.fromHour).fromDay, tariff: tariff)
  }
}

/// Why nothing could be rated.
public enum AccountingError: Error, Equatable, CustomStringConvertible {
  case plan(String)
  case unknownClient

  public var description: String {
    switch self {
    case .plan(let reason): reason
    case .unknownClient: "there is no such client, and it has used nothing"
    }
  }
}

import Bytes
import Consent
import Identifiers
import Policy
import Store
import Synchronization

/// By what events are judged: the policies, and the consents under them. A reload makes new ones.
public struct EventRules: Sendable {
  private struct Key: Hashable {
    var api: APIName
    var version: String
    var operation: OperationID
  }

  public let catalogue: Catalogue
  public let consents: ConsentRegister
  private let operations: [Key: OperationPolicy]
  private let basePaths: [APIName: [String: String]]

  public init(catalogue: Catalogue, consents: ConsentRegister) {
    self.catalogue = catalogue
    self.consents = consents
    let subscribing = catalogue.operationsByIndex.filter { $0.subscription != nil }
    operations = Dictionary(subscribing.map { (Key(api: $0.api, version: $0.version, operation: $0.id), $0) }) { first, _ in first
    }
    basePaths = catalogue.apis.reduce(into: [:]) { $0[$1.name, default: [:]][$1.version] = $1.basePath }
  }

  /// The operation that made a subscription, and what it says of events; nil when it is not served any more.
  func policy(of record: SubscriptionRecord) -> (operation: OperationPolicy, subscription: SubscriptionPolicy)? {
    guard let operation = operations[Key(api: record.api, version: record.version, operation: record.operation)],
      let subscription = operation.subscription
    else { return nil }
    return (operation, subscription)
  }

  /// Where the API is that a subscription belongs to: `/sim-swap-subscriptions/v0.3`.
  func basePath(of record: SubscriptionRecord) -> String {
    basePaths[record.api]?[record.version] ?? "/" + record.api.rawValue
  }
}

/// The rules of now, for all who ask.
final class CurrentRules: Sendable {
  private let rules: Mutex<EventRules>

  init(_ rules: EventRules) { self.rules = Mutex(rules) }

  var now: EventRules { rules.withLock { $0 } }
  func set(_ rules: EventRules) { self.rules.withLock { $0 = rules } }
}

extension SubscriptionPolicy {
  /// True when an event's data say that they are about the subscription that its backend calls so.
  func isNamed(_ backendID: String, in data: [UInt8]) -> Bool {
    var tape = JSONTape()
    guard (try? tape.parse(data.span)) != nil, let node = tape.value(at: idName, in: data.span) else { return false }
    return tape.stringEquals(node, Array(backendID.utf8), in: data.span)
  }
}

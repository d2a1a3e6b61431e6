import Bytes
import Identifiers

/// What an operation that subscribes to events says of them (event guide, sections 2 and 3), read from a policy's `events`. An operation
/// that makes something else and may tell of it by the way, a session or a payment, has it too (implicit subscriptions, section 1).
///
/// Where sink, credential and end stand in a request is CAMARA's, the same for all APIs (`sink`, `sinkCredential`, `config`).
public struct SubscriptionPolicy: Sendable {
  /// Where in `data` the backend's id of what was made stands.
  public let idName: [JSONName]
  /// The operation with which the backend is told that it is over; nil where it is not told.
  public let ending: OperationID?
  /// The type of the event by which the gateway itself tells that it is over; nil where the API has none.
  public let endedType: String?
  /// The operation makes something else, which tells of itself by the way (event guide, section 1). The one has no end without the other's.
  public var isImplicit: Bool { endedType == nil }
  /// In the order of the policy.
  public let events: [EventPolicy]
  private let eventsByType: [String: EventPolicy]

  public func event(type: String) -> EventPolicy? { eventsByType[type] }

  /// All categories that events can release.
  var categories: FieldMask { events.reduce(0) { $0 | $1.offered } }

  /// Those that a token with these scopes can ask for.
  func categories(openedBy scopes: ScopeSet) -> FieldMask {
    events.reduce(0) { mask, event in (event.scope.map(scopes.contains) ?? true) ? mask | event.offered : mask }
  }

  /// - Parameters:
  ///   - scopes: of the types that may be asked for; nil where the operation has none.
  ///   - operations: of the file, by their id.
  init(
    _ value: JSONValue, scopes: EventScopes?, operations: JSONValue, categories: [CategoryID: FieldMask]
  ) throws(DocumentError) {
    var reader = try ObjectReader(value)
    let idPath = try reader.required("id")
    let path = try BodyPath.read(idPath)
    guard !path.isEmpty else { throw idPath.error("id wants the place of the id in an event's data") }
    idName = path.map { JSONName($0) }
    ending = try reader.value("end").map { value throws(DocumentError) in try Self.ending(value, operations) }
    let types = try reader.required("types")
    try reader.finish()
    guard types.kind == .object, !types.keys.isEmpty else {
      throw types.error("types wants an object: type of event to its data")
    }
    var events: [EventPolicy] = []
    for member in types.keys {
      events.append(try EventPolicy(member, scope: scopes?.scope(of: member.name), categories: categories))
    }
    let ended = events.filter { $0.lifecycle == .ended }.map(\.type)
    // The older name is understood, and today's is spoken.
    endedType = ended.first { $0.hasSuffix("subscription-ended") } ?? ended.first
    self.events = events
    eventsByType = Dictionary(events.map { ($0.type, $0) }) { first, _ in first }
  }

  private static func ending(_ value: JSONValue, _ operations: JSONValue) throws(DocumentError) -> OperationID {
    guard let name = value.string, let id = OperationID(rawValue: name), let operation = operations[name] else {
      let nearest = NearestName.to(value.string ?? "", among: operations.keys.map(\.name))
      throw value.error("there is no such operation in this file" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
    guard operation["method"]?.string == "DELETE", operation["resource"]?["deletes"]?.boolean == true else {
      throw value.error("end wants the operation that deletes what this one makes")
    }
    return id
  }
}

/// One type of event, and what of it may reach the client's sink.
public struct EventPolicy: Sendable {
  /// Events about the subscription itself. They count towards no maximum and want no scope.
  public enum Lifecycle: String, Sendable {
    case started, updated, ended
  }

  /// `org.camaraproject.<api>.<version>.<event>`
  public let type: String
  /// The scope that the token of the subscription must have; nil where the type wants none of its own.
  public let scope: Scope?
  public let lifecycle: Lifecycle?
  /// Without these the event does not go out at all: that it happened tells as much, or `data` would break its API.
  public let required: FieldMask
  /// These may be left out of `data`.
  public let optional: FieldMask
  /// Of `data`.
  private let projection: Projection
  private let conditions: FieldConditions?

  public var isEnding: Bool { lifecycle == .ended }
  var offered: FieldMask { required | optional }

  fileprivate init(
    _ member: JSONValue.Member, scope: Scope?, categories: [CategoryID: FieldMask]
  ) throws(DocumentError) {
    type = member.name
    self.scope = scope
    guard Self.isType(type) else { throw member.error("a type of event is a name such as org.camaraproject.api.v0.event") }
    var reader = try ObjectReader(member.value)
    let category = try reader.value("category").map { value throws(DocumentError) in
      guard let mask = value.string.flatMap(CategoryID.init(rawValue:)).flatMap({ categories[$0] }) else {
        let nearest = NearestName.to(value.string ?? "", among: categories.keys.map(\.rawValue))
        throw value.error("no such category in categories.json" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
      }
      return mask
    }
    let name = try reader.optionalString("lifecycle")
    lifecycle = name.flatMap(Lifecycle.init(rawValue:))
    guard name == nil || lifecycle != nil else {
      throw member.value["lifecycle"]!.error("lifecycle is \"started\", \"updated\" or \"ended\"")
    }
    _ = try reader.required("fields")
    try reader.finish()
    var rules = FieldReader(categories: categories, conditions: FieldConditions())
    guard let projection = try rules.projection(member.value) else { throw member.error("an event wants fields") }
    guard rules.fieldScopes.isEmpty else { throw member.error("fields of an event hang on no scope of their own") }
    self.projection = projection
    conditions = rules.conditions
    required = rules.required | (category ?? 0)
    optional = rules.optional
    guard lifecycle == nil || offered == 0 else {
      throw member.error("an event about the subscription itself reaches its sink whatever was agreed to: it has no category")
    }
  }

  /// What of an event's `data` may leave, appended to `output`.
  ///
  /// - Parameters:
  ///   - tape: of `data`, read in the strict dialect.
  ///   - allowed: the categories that were agreed to.
  ///   - named: numbers that the client itself named; empty when it named none.
  /// - Returns: the categories that left, or why nothing may.
  public func filter(
    _ data: Span<UInt8>, tape: borrowing JSONTape, allowed: FieldMask, named: [[UInt8]], into output: inout [UInt8]
  ) -> Projection.Outcome {
    guard required & ~allowed == 0 else { return .withheldRequired(type) }
    var fields = conditions?.fields(allowed: allowed, scopes: []) ?? allowed
    if named.isEmpty, let conditions { fields &= ~conditions.named }
    let outcome = projection.project(data, tape: tape, allowed: fields, echoes: named, into: &output)
    guard case .complete(let released) = outcome else { return outcome }
    return .complete(released: (conditions?.categories(released, allowed: allowed) ?? released) | required & allowed)
  }

  /// Letters, digits, dots, hyphens and underscores.
  private static func isType(_ text: String) -> Bool {
    (3...255).contains(text.utf8.count) && text.contains(".")
      && text.utf8.allSatisfy {
        ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A) || "-._".utf8.contains($0)
      }
  }
}

import Bytes
import Identifiers
import Policy

/// Stage 6: what the token opens. Scope for the operation, two or three legs, and a purpose where a person is concerned.
enum Authorize {
  static func run(_ token: AccessToken, _ operation: OperationPolicy) throws(APIError) {
    guard token.opened.contains(operation.index) else { throw APIError(.permissionDenied, "scope_missing") }
    let isThreeLegged = token.subject != nil
    guard operation.legs.contains(isThreeLegged ? 3 : 2) else { throw APIError(.permissionDenied, "legs_not_allowed") }
    guard operation.personalData else { return }
    // CAMARA profile items 43 and 57: personal data is released for a declared purpose only.
    guard let purpose = token.claims.purpose else { throw APIError(.permissionDenied, "purpose_missing") }
    guard token.client.purposes.contains(purpose) else { throw APIError(.permissionDenied, "purpose_not_registered") }
    // Item 42: without a user only where the client's registration allows it for that purpose. Asked again here, because a
    // registration can change while a token lives.
    guard isThreeLegged || token.client.twoLeggedPurposes.contains(purpose) else {
      throw APIError(.permissionDenied, "two_legged_not_allowed")
    }
  }

  /// The scopes that a subscription needs for the events that it asks for, each of which the token must have (event guide, 4.1).
  static func events(
    _ token: AccessToken, _ operation: OperationPolicy, _ body: Span<UInt8>, _ tape: JSONTape, hasDocument: Bool
  ) throws(APIError) -> [Scope] {
    guard let events = operation.eventScopes else { return [] }
    guard hasDocument, let needed = events.needed(body, tape: tape), needed.allSatisfy(token.claims.scopes.contains) else {
      throw APIError(.eventScopeMissing, "event_scope_missing")
    }
    return needed
  }
}

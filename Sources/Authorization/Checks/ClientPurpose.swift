import Identifiers
import Policy
import Store

/// With client credentials a purpose is declared where personal data can be reached, and must then be one for which the client
/// may reach it without the subscriber; elsewhere it may be left out (profile items 41 to 43).
enum ClientPurpose {
  static func examine(_ examination: Examination) throws(Refusal) -> Purpose? {
    let scopes = examination.scopes
    let reachesPersonalData = scopes.apiScopes.contains { examination.dependencies.catalogue.touchesPersonalData($0) }
    guard let declared = scopes.purposes.first else {
      guard !reachesPersonalData else {
        throw Refusal(.invalidScope, "exactly one purpose (dpv:) has to be among the scopes: they reach personal data")
      }
      return nil
    }
    guard scopes.purposes.count == 1 else { throw Refusal(.invalidScope, "more than one purpose is declared") }
    let purpose = try KnownPurpose.examine(declared, examination)
    let client = examination.client
    guard client.purposes.contains(purpose) else {
      throw Refusal(.invalidScope, "the purpose is not registered for the client")
    }
    guard !reachesPersonalData || client.twoLeggedPurposes.contains(purpose) else {
      throw Refusal(.invalidScope, "for this purpose the client needs the subscriber's own authorization")
    }
    return purpose
  }
}

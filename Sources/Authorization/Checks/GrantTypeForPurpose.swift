/// The flow is one that was agreed for the purpose and the scopes together, not just for the client (profile items 48 and 77).
enum GrantTypeForPurpose {
  static func examine(_ examination: Examination) throws(Refusal) {
    guard let grantType = examination.flow.grantType else { return }
    let (purpose, scopes) = (examination.purpose, examination.scopes)
    guard examination.client.grantTypeRules.allSatisfy({ $0.allows(grantType, purpose: purpose, scopes: scopes) }) else {
      throw Refusal(.unauthorizedClient, "the client may not use this flow for that purpose or those scopes")
    }
  }
}

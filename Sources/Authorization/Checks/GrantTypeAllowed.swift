/// The client is registered for the flow (RFC 6749 §5.2, profile items 48 and 77).
enum GrantTypeAllowed {
  static func examine(_ examination: Examination) throws(Refusal) {
    let grantType: Flow = examination.flow == .authorize ? .authorizationCode : examination.flow
    guard examination.client.grantTypes.contains(grantType.rawValue) else {
      throw Refusal(.unauthorizedClient, "the client is not registered for this flow")
    }
  }
}

/// The client is registered for the flow (RFC 6749 §5.2, profile items 48 and 77).
enum GrantTypeAllowed {
  static func examine(_ examination: Examination) throws(Refusal) {
    guard let grantType = examination.flow.grantType, examination.client.grantTypes.contains(grantType) else {
      throw Refusal(.unauthorizedClient, "the client is not registered for this flow")
    }
  }
}

/// The assertion's `sub` names a subscriber: by number where the client is trusted with that, or by an operator token (profile items
/// 45 and 51). An address is no subject here.
enum AssertedSubject {
  static func examine(_ examination: Examination) throws(Refusal) -> LoginHint {
    guard examination.parameters["client_id"] ?? examination.client.id.rawValue == examination.client.id.rawValue else {
      throw Refusal(.invalidGrant, "client_id is not the client of the assertion")
    }
    guard let hint = LoginHint(examination.asserted.claims.subject) else {
      throw Refusal(.invalidGrant, "sub of the assertion has to be tel: and a number, or operatortoken: and a token")
    }
    switch hint {
    case .address: throw Refusal(.invalidGrant, "sub of the assertion has to be tel: and a number, or operatortoken: and a token")
    case .number where !examination.client.isTrustedWithNumbers:
      throw Refusal(.invalidGrant, "the client is not trusted to name subscribers by number")
    case .number, .operatorToken: return hint
    }
  }
}

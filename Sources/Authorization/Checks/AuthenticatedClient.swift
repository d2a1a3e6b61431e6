import Store

/// The client that its assertion names is still enabled (A24). From here on the request is the client's.
enum AuthenticatedClient {
  static func examine(_ examination: Examination) throws(Refusal) -> ClientRecord {
    let client = examination.asserted.client
    guard client.isEnabled else { throw examination.assertionRefused("the client is disabled") }
    return client
  }
}

import Identifiers
import Store

/// `client_id` names a registered client that is not disabled. Otherwise nobody is to be redirected anywhere: whom the address
/// belongs to is not known (RFC 6749 §4.1.2.1, profile item 18, A16).
enum RegisteredClient {
  static func examine(_ examination: Examination) throws(Refusal) -> ClientRecord {
    let parameters = examination.parameters
    guard !parameters.isRepeated("client_id"), let text = parameters["client_id"], let id = ClientID(rawValue: text) else {
      throw Refusal(.invalidRequest, "client_id is missing, malformed or there twice")
    }
    let known = try orUnavailable("reading the client") { try examination.server.clients.client(id) }
    guard let client = known?.record, client.isEnabled else {
      throw Refusal(.unauthorizedClient, "the client is not registered here")
    }
    return client
  }
}

import Bytes
import Identifiers
import Ledger
import Store
import Wire

extension AdminAPI {
  /// `GET /admin/v1/clients`: every registration.
  func listClients() throws -> HTTPResponse {
    var writer = JSONWriter()
    writer.beginArray()
    for client in try dependencies.stores.clients.all() { writer.raw(client.json()) }
    writer.endArray()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `GET /admin/v1/clients/{client_id}`.
  func showClient(_ request: AdminRequest) throws -> HTTPResponse { HTTPResponse.json(200, try client(request.id).json()) }

  /// `POST /admin/v1/clients`: a registration in the names of RFC 7591. One with the same id is replaced only when the query says
  /// `replace=true`; a changed client's grants end with it, so that no token lives on under rules that no longer hold.
  func addClient(_ request: AdminRequest) async throws -> HTTPResponse {
    let record = try ClientRecord(json: JSONDocument(request.body, file: "request").root)
    let before = try dependencies.stores.clients.client(record.id)
    if before != nil, request.query["replace"] != "true" {
      throw AdminError.conflict("The client \(record.id) is registered already; say replace to change it.")
    }
    let unknown = record.scopes.apiScopes.filter { !dependencies.catalogue.knows($0) }
    guard unknown.isEmpty else { throw AdminError.invalid("No policy has the scope \(unknown[0]).") }
    try await dependencies.stores.clients.save(record)
    if before != nil { _ = try await dependencies.stores.grants.end(client: record.id, reason: "client_changed") }
    try await note(before == nil ? "admin.client_added" : "admin.client_changed", client: record.id)
    return HTTPResponse.json(before == nil ? 201 : 200, record.json())
  }

  /// `POST /admin/v1/clients/{client_id}/enable` and `/disable`. A disabled client's tokens are refused from now on, and its
  /// grants end: enabling it again does not bring them back.
  func setClient(_ request: AdminRequest, enabled: Bool) async throws -> HTTPResponse {
    let id = try client(request.id).id
    _ = try await dependencies.stores.clients.setEnabled(id, enabled)
    if !enabled { _ = try await dependencies.stores.grants.end(client: id, reason: "client_disabled") }
    try await note(enabled ? "admin.client_enabled" : "admin.client_disabled", client: id)
    return HTTPResponse.json(200, try client(request.id).json())
  }

  private func client(_ text: String) throws -> ClientRecord {
    guard let id = ClientID(rawValue: text), let record = try dependencies.stores.clients.client(id) else {
      throw AdminError.notFound
    }
    return record
  }

  private func note(_ event: String, client: ClientID) async throws {
    try await dependencies.ledger.append(LedgerEntry(event: event, clientID: client.rawValue))
  }
}

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
  ///
  /// What gives anybody more than before is in the ledger first: an act without an entry cannot be.
  func addClient(_ request: AdminRequest) async throws -> HTTPResponse {
    let record = try ClientRecord(json: JSONDocument(request.body, file: "request").root)
    let taken = AdminError.conflict("The client \(record.id) is registered already; say replace to change it.")
    let present = try dependencies.stores.clients.client(record.id)
    let isThere = present != nil
    guard !isThere || request.query["replace"] == "true" else { throw taken }
    let unknown = record.scopes.apiScopes.filter { !dependencies.catalogue.knows($0) }
    guard unknown.isEmpty else { throw AdminError.invalid("No policy has the scope \(unknown[0]).") }
    for plan in record.plans {
      if let fault = dependencies.plans.fault(of: plan) { throw AdminError.invalid("plans: \(fault)") }
    }
    // A plan gives no right: who is charged otherwise than before keeps their tokens.
    var recharged = present
    recharged?.plans = record.plans
    try await recorded(LedgerEntry(event: isThere ? "admin.client_changed" : "admin.client_added", clientID: record.id.rawValue))
    {
      if isThere {
        try await dependencies.stores.clients.save(record)
        guard recharged != record else { return }
        _ = try await dependencies.stores.grants.end(client: record.id, reason: "client_changed")
        try await dependencies.stores.backchannel.end(client: record.id)
      } else {
        // Somebody else may have been faster: the store decides.
        guard try await dependencies.stores.clients.add(record) else { throw taken }
      }
    }
    return HTTPResponse.json(isThere ? 200 : 201, record.json())
  }

  /// `POST /admin/v1/clients/{client_id}/enable` and `/disable`. A disabled client's tokens are refused from now on, and its
  /// grants end: enabling it again does not bring them back.
  ///
  /// To enable is in the ledger first. To disable holds even when the ledger cannot be written, and says so.
  func setClient(_ request: AdminRequest, enabled: Bool) async throws -> HTTPResponse {
    let id = try client(request.id).id
    if enabled {
      try await recorded(LedgerEntry(event: "admin.client_enabled", clientID: id.rawValue)) {
        _ = try await dependencies.stores.clients.setEnabled(id, true)
      }
    } else {
      _ = try await dependencies.stores.clients.setEnabled(id, false)
      _ = try await dependencies.stores.grants.end(client: id, reason: "client_disabled")
      try await dependencies.stores.backchannel.end(client: id)
      do {
        try await dependencies.ledger.append(LedgerEntry(event: "admin.client_disabled", clientID: id.rawValue))
      } catch {
        throw AdminError.failed("The client is disabled, but the ledger cannot be written: repeat this when it can.")
      }
    }
    return HTTPResponse.json(200, try client(request.id).json())
  }

  private func client(_ text: String) throws -> ClientRecord {
    guard let id = ClientID(rawValue: text), let record = try dependencies.stores.clients.client(id) else {
      throw AdminError.noClient(text)
    }
    return record
  }
}

extension AdminAPI {
  /// Does what gives more than before, once its entry is durable; when it fails, another entry says so.
  ///
  /// - Throws: what the act throws, or the ledger: nothing was done then.
  func recorded(_ entry: LedgerEntry, _ act: () async throws -> Void) async throws {
    try await dependencies.ledger.append(entry)
    do { try await act() } catch {
      var failure = entry
      failure.decision = "failed"
      _ = try? await dependencies.ledger.append(failure)
      throw error
    }
  }
}

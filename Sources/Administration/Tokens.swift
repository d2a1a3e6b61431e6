import Authorization
import Bytes
import Identifiers
import JOSE
import Ledger
import Store
import Wire

extension AdminAPI {
  /// `POST /admin/v1/tokens`: access tokens for tests and load, each like one that a flow would have issued to that client, all
  /// on one grant. They carry no more rights: consent, limits and scopes are asked on every call as ever.
  ///
  /// Many take long: between portions whoever else waits for this loop has its turn.
  func issueTokens(_ request: AdminRequest) async throws -> HTTPResponse {
    var body = try request.object()
    let clientID = try Self.clientID(body.string("client_id"))
    let subject = try body.optionalString("subject")
    guard let scopes = ScopeSet(parsing: try body.string("scope")), !scopes.isEmpty else {
      throw AdminError.invalid("scope wants one scope or more, separated by single spaces")
    }
    let count = try body.optionalInteger("count", in: 1...Self.tokensMaximum) ?? 1
    let lifetime = try body.optionalInteger("ttl", in: 1...86_400) ?? 3600
    try body.finish()
    guard let client = try dependencies.stores.clients.client(clientID), client.isEnabled else {
      throw AdminError.invalid("No such client, or it is disabled.")
    }
    guard scopes.apiScopes.isSubset(of: client.scopes) else { throw AdminError.invalid("The client may not ask for that scope.") }
    let grant = try await grant(client, subject: subject, scopes: scopes, lifetimeSeconds: lifetime)
    var writer = JSONWriter()
    writer.beginArray()
    for index in 0..<count {
      if index % 64 == 63 { await Task.yield() }
      writer.string(
        try dependencies.tokens.accessToken(
          grant: grant, scopes: scopes, lifetimeSeconds: lifetime, jti: Random.token(byteCount: 16)
        )
        .token)
    }
    writer.endArray()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// Of one request; about 75 MB of tokens.
  public static let tokensMaximum = 100_000

  private func grant(
    _ client: ClientRecord, subject: String?, scopes: ScopeSet, lifetimeSeconds: Int
  ) async throws -> GrantRecord {
    guard scopes.purposes.count <= 1 else { throw AdminError.invalid("scope names more than one purpose") }
    let purpose = try scopes.purposes.first.map { scope in
      guard let purpose = Purpose(scope), dependencies.catalogue.knows(purpose), client.purposes.contains(purpose) else {
        throw AdminError.invalid("The client may not name the purpose \(scope).")
      }
      return purpose
    }
    var pseudonym: SubjectPseudonym?
    if let subject {
      guard let number = MSISDN(tel: subject) else { throw AdminError.invalid("subject wants the form tel:+33612345678") }
      pseudonym = try await dependencies.stores.subjects.findOrCreate(number)
    }
    let now = dependencies.time.now()
    let grant = GrantRecord(
      id: GrantID(rawValue: Random.token(byteCount: 16))!, client: client.id, subject: pseudonym, purpose: purpose,
      scopes: scopes, consent: nil, flow: "operator", amr: [], authenticatedAt: nil, createdAt: now,
      expiresAt: now.adding(seconds: Int64(lifetimeSeconds)))
    try await dependencies.stores.grants.insert(grant)
    try await dependencies.ledger.append(
      LedgerEntry(
        event: "token.issued", clientID: client.id.rawValue, subject: pseudonym?.rawValue, scopes: scopes.map(\.rawValue),
        purpose: purpose?.rawValue, decision: "allowed",
        detail: [LedgerEntry.Detail("flow", "operator"), LedgerEntry.Detail("grant_id", grant.id.rawValue)]))
    return grant
  }
}

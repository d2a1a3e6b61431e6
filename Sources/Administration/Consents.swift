import Bytes
import Consent
import Identifiers
import Policy
import Store
import Wire

extension AdminAPI {
  /// `GET /admin/v1/consents?subject=&client_id=&purpose=&status=&limit=&after=`, by id; `subject` is a `tel:` number or
  /// a pseudonym, `after` the last id of the page before.
  func listConsents(_ request: AdminRequest) async throws -> HTTPResponse {
    try request.allow("subject", "client_id", "purpose", "status", "limit", "after")
    var filter = ConsentFilter(limit: try request.limit())
    if let subject = request.query["subject"] {
      guard let pseudonym = try pseudonym(subject) else { return HTTPResponse.json(200, Array("[]".utf8)) }
      filter.subject = pseudonym
    }
    filter.client = try request.query["client_id"].map(Self.clientID)
    filter.purpose = try request.query["purpose"].map(Self.purpose)
    filter.status = try request.query["status"].map(Self.status)
    filter.after = try request.query["after"].map(Self.after)
    var writer = JSONWriter()
    writer.beginArray()
    for row in try await dependencies.consents.search(filter) { write(row, events: nil, to: &writer) }
    writer.endArray()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `GET /admin/v1/consents/{id}`: the record and its whole history.
  func showConsent(_ request: AdminRequest) throws -> HTTPResponse {
    guard let id = ConsentID(rawValue: request.id), let row = try dependencies.stores.consents.record(id) else {
      throw AdminError.noConsent(request.id)
    }
    var writer = JSONWriter()
    write(row, events: try dependencies.stores.consents.events(of: id), to: &writer)
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `POST /admin/v1/consents`: consent given on behalf, with the reason and the channel (call centre, shop).
  func grantConsent(_ request: AdminRequest) async throws -> HTTPResponse {
    var body = try request.object()
    guard let number = MSISDN(tel: try body.string("subject")) else {
      throw AdminError.invalid("subject wants the form tel:+33612345678")
    }
    let client = try Self.clientID(body.string("client_id"))
    let purpose = try Self.purpose(body.string("purpose"))
    guard let scopes = ScopeSet(parsing: try body.string("scope")), !scopes.apiScopes.isEmpty else {
      throw AdminError.invalid("scope wants one scope of an API or more, separated by spaces")
    }
    let reason = try Self.reason(body.string("reason"))
    let channel = try body.optionalString("channel").map(Self.channel) ?? "operator"
    let named = try body.optionalStrings("categories")
    try body.finish()
    guard let registration = try dependencies.stores.clients.client(client) else { throw AdminError.noClient(client.rawValue) }
    guard registration.purposes.contains(purpose) else { throw AdminError.invalid("The client may not name that purpose.") }
    guard scopes.apiScopes.isSubset(of: registration.scopes) else {
      throw AdminError.invalid("The client may not ask for that scope.")
    }
    let offered = dependencies.catalogue.categories(of: scopes.apiScopes)
    let categories = named.map { $0.compactMap(CategoryID.init(rawValue:)) } ?? offered
    guard categories.count == named?.count ?? offered.count, categories.allSatisfy(offered.contains) else {
      throw AdminError.invalid("categories names one that these scopes do not open")
    }
    let pseudonym = try await dependencies.stores.subjects.findOrCreate(number)
    let row = try await dependencies.consents.grantOnBehalf(
      subject: pseudonym, client: client, purpose: purpose, scopes: scopes.apiScopes, categories: categories, reason: reason,
      channel: channel, expiresAt: dependencies.time.now().adding(seconds: dependencies.consentLifetimeSeconds))
    var writer = JSONWriter()
    write(row, events: nil, to: &writer)
    return HTTPResponse.json(201, writer.bytes)
  }

  /// `POST /admin/v1/consents/{id}/revoke`: withdrawal by the operator for the subscriber. It holds for the next call.
  func revokeConsent(_ request: AdminRequest) async throws -> HTTPResponse {
    guard let id = ConsentID(rawValue: request.id), try dependencies.stores.consents.record(id) != nil else {
      throw AdminError.noConsent(request.id)
    }
    var (reason, channel) = ("operator", "operator")
    if !request.body.isEmpty {
      var body = try request.object()
      reason = try Self.reason(body.optionalString("reason") ?? reason)
      channel = try body.optionalString("channel").map(Self.channel) ?? channel
      try body.finish()
    }
    let row = try await dependencies.consents.revoke(id, actor: "operator", reason: reason, channel: channel)
    var writer = JSONWriter()
    write(row, events: nil, to: &writer)
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `POST /admin/v1/consents/object`: the subscriber objects to what is done without their consent (call centre, shop). It holds
  /// for the next call, and only the subscriber takes it back.
  func objectToProcessing(_ request: AdminRequest) async throws -> HTTPResponse {
    var body = try request.object()
    guard let number = MSISDN(tel: try body.string("subject")) else {
      throw AdminError.invalid("subject wants the form tel:+33612345678")
    }
    let client = try Self.clientID(body.string("client_id"))
    let purpose = try Self.purpose(body.string("purpose"))
    let reason = try Self.reason(body.string("reason"))
    let channel = try body.optionalString("channel").map(Self.channel)
    try body.finish()
    guard try dependencies.stores.clients.client(client) != nil else { throw AdminError.noClient(client.rawValue) }
    let row = try await dependencies.consents.object(
      subject: try await dependencies.stores.subjects.findOrCreate(number), client: client, purpose: purpose, actor: "operator",
      reason: reason, channel: channel)
    var writer = JSONWriter()
    write(row, events: nil, to: &writer)
    return HTTPResponse.json(200, writer.bytes)
  }

  /// Why, in a few words. It is kept for ever and goes to the ledger in the clear.
  static func reason(_ text: String) throws -> String {
    guard text.unicodeScalars.count <= 200 else { throw AdminError.invalid("reason wants 200 characters at most") }
    return text
  }

  /// Over what it came: a word such as `call-centre`, `shop`, `letter`. It is kept as the event's flow.
  static func channel(_ text: String) throws -> String {
    func isPart(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D }
    guard (1...32).contains(text.utf8.count), text.utf8.allSatisfy(isPart) else {
      throw AdminError.invalid("channel wants a word of 32 lower-case letters, digits and hyphens at most, such as call-centre")
    }
    return text
  }

  static func status(_ text: String) throws -> String {
    let known = ["granted", "denied", "revoked", "expired", "objected", "pending"]
    guard known.contains(text) else { throw AdminError.invalid("status is one of \(known.joined(separator: ", "))") }
    return text
  }

  static func after(_ text: String) throws -> ConsentID {
    guard let id = ConsentID(rawValue: text) else { throw AdminError.invalid("after wants the id of a consent") }
    return id
  }

  /// The pseudonym behind `tel:+33…`; a text that is no number stands for itself.
  func pseudonym(_ text: String) throws -> SubjectPseudonym? {
    if text.hasPrefix("tel:") || text.hasPrefix("+") {
      guard let number = MSISDN(tel: text) ?? MSISDN(e164: text) else {
        throw AdminError.invalid("subject wants the form tel:+33612345678")
      }
      return try dependencies.stores.subjects.pseudonym(of: number)
    }
    return SubjectPseudonym(rawValue: text)
  }

  static func clientID(_ text: String) throws -> ClientID {
    guard let id = ClientID(rawValue: text) else { throw AdminError.invalid("client_id is malformed") }
    return id
  }

  static func purpose(_ text: String) throws -> Purpose {
    guard let purpose = Purpose(rawValue: text) else { throw AdminError.invalid("purpose wants the form dpv:Value") }
    return purpose
  }

  /// The row of DESIGN section 8; times are RFC 3339. A record past its time shows as expired, though no job wrote that.
  private func write(_ row: ConsentRow, events: [ConsentEventRow]?, to writer: inout JSONWriter) {
    let isPast = row.status == "granted" && row.expiresAt.map { $0 <= dependencies.time.now() } ?? false
    writer.beginObject()
    writer.field("id", row.id.rawValue)
    writer.field("subject", row.subject.rawValue)
    writer.field("client_id", row.client.rawValue)
    writer.field("purpose", row.purpose.rawValue)
    writer.field("scopes", row.scopes.map(\.rawValue))
    writer.field("categories", row.categories.map(\.rawValue))
    writer.field("legal_basis", row.legalBasis)
    writer.field("status", isPast ? "expired" : row.status)
    if let time = row.grantedAt { writer.field("granted_at", time.rfc3339) }
    if let time = row.expiresAt { writer.field("expires_at", time.rfc3339) }
    if let time = row.objectedAt { writer.field("objected_at", time.rfc3339) }
    if let events {
      writer.key("events")
      writer.beginArray()
      for event in events { write(event, to: &writer) }
      writer.endArray()
    }
    writer.endObject()
  }

  private func write(_ event: ConsentEventRow, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("event", event.kind)
    writer.field("time", event.at.rfc3339)
    writer.field("scopes", event.scopes.map(\.rawValue))
    writer.field("categories", event.categories.map(\.rawValue))
    let details = [
      ("flow", event.flow), ("page_version", event.pageVersion), ("language", event.language), ("text_digest", event.textDigest),
      ("actor", event.actor), ("reason", event.reason),
    ]
    for (name, value) in details {
      guard let value else { continue }
      writer.key(name)
      writer.string(value)
    }
    writer.endObject()
  }
}

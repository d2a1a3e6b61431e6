import Bytes
import Consent
import Identifiers
import Store

/// The messages between us and a consent master, version 1 (`docs/consent-master.md`).
enum MasterFormat {
  static let version = 1
  /// Records of one answer, and changes of one message, at most.
  static let recordsMaximum = 10_000
  static let changesMaximum = 1000
  private static let statuses = ["pending", "granted", "denied", "revoked", "expired", "objected"]

  // MARK: Look-up

  static func question(_ number: MSISDN, client: ClientID?, purpose: Purpose?) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.field("version", version)
    json.field("subject", "tel:" + number.e164)
    if let client { json.field("client_id", client.rawValue) }
    if let purpose { json.field("purpose", purpose.rawValue) }
    json.endObject()
    return json.bytes
  }

  /// Members that are not known are passed over: a master may say more. One that is known and wrong makes the whole answer worthless.
  ///
  /// - Throws: `malformed` also when a record is about somebody, or something, that was not asked about.
  static func rows(
    _ body: [UInt8], _ number: MSISDN, subject: SubjectPseudonym, client: ClientID?, purpose: Purpose?
  ) throws(MasterFailure) -> [ConsentRow] {
    guard let root = try? JSONDocument(body).root, root["version"]?.integer == version, let records = root["records"]?.array,
      records.count <= (client == nil ? recordsMaximum : 1)
    else { throw .malformed("no records of version \(version)") }
    var rows: [ConsentRow] = []
    var (ids, keys) = (Set<ConsentID>(), Set<ConsentKey>())
    for record in records {
      guard record["subject"]?.string.flatMap({ MSISDN(tel: $0) }) == number else {
        throw .malformed("a record of another subscriber")
      }
      guard let row = row(record, subject) else { throw .malformed("a record that is incomplete") }
      guard client.map({ $0 == row.client }) ?? true, purpose.map({ $0 == row.purpose }) ?? true else {
        throw .malformed("a record of another client or purpose")
      }
      guard keys.insert(ConsentKey(subject: subject, client: row.client, purpose: row.purpose)).inserted else {
        throw .malformed("two records of one client and purpose")
      }
      guard ids.insert(row.id).inserted else { throw .malformed("two records with one id") }
      rows.append(row)
    }
    return rows
  }

  private static func row(_ value: JSONValue, _ subject: SubjectPseudonym) -> ConsentRow? {
    guard let id = value["id"]?.string.flatMap(ConsentID.init(rawValue:)),
      let client = value["client_id"]?.string.flatMap(ClientID.init(rawValue:)),
      let purpose = value["purpose"]?.string.flatMap(Purpose.init(rawValue:)),
      let status = value["status"]?.string, statuses.contains(status),
      let scopes = words(value["scopes"], Scope.init(rawValue:)),
      let categories = words(value["categories"], CategoryID.init(rawValue:)),
      let granted = time(value["granted_at"]), let expires = time(value["expires_at"]),
      let withdrawn = time(value["withdrawn_at"]), let objected = time(value["objected_at"])
    else { return nil }
    // Without the time of it, a later consent would give older tokens their life back.
    guard status != "revoked" || withdrawn != nil, status != "objected" || objected != nil else { return nil }
    return ConsentRow(
      id: id, subject: subject, client: client, purpose: purpose, scopes: ScopeSet(scopes), categories: Set(categories).sorted(),
      legalBasis: "consent", status: status, grantedAt: granted, expiresAt: expires,
      updatedAt: [granted, withdrawn, objected].compactMap { $0 }.max() ?? Timestamp(microseconds: 0), withdrawnAt: withdrawn,
      objectedAt: objected)
  }

  /// Absent is none; nil when one is malformed.
  private static func words<Word>(_ value: JSONValue?, _ read: (String) -> Word?) -> [Word]? {
    guard let value else { return [] }
    return value.array?.map { $0.string.flatMap(read) } as? [Word]
  }

  /// Absent or null is no time; nil when it is malformed.
  private static func time(_ value: JSONValue?) -> Timestamp?? {
    guard let value, value.kind != .null else { return .some(nil) }
    guard let time = value.string.flatMap({ Timestamp(rfc3339: $0) }) else { return nil }
    return .some(time)
  }

  // MARK: What we tell

  static func event(_ item: ConsentOutboxItem, _ number: MSISDN) -> [UInt8] {
    let event = item.event
    var json = JSONWriter()
    json.beginObject()
    json.field("version", version)
    json.field("event_id", "\(event.consent.rawValue)-\(item.number)")
    json.field("subject", "tel:" + number.e164)
    json.field("client_id", event.client.rawValue)
    json.field("purpose", event.purpose.rawValue)
    json.field("event", event.kind)
    json.field("time", event.at.rfc3339)
    json.field("legal_basis", event.legalBasis)
    json.field("scopes", event.scopes.map(\.rawValue))
    json.field("categories", event.categories.map(\.rawValue))
    if let shown = event.shownScopes { json.field("shown_scopes", shown.map(\.rawValue)) }
    if let shown = event.shownCategories { json.field("shown_categories", shown.map(\.rawValue)) }
    if let time = event.expiresAt { json.field("expires_at", time.rfc3339) }
    json.field("flow", event.flow)
    json.field("actor", event.actor)
    let texts: [(StaticString, String?)] = [
      ("page_version", event.pageVersion), ("language", event.language), ("text_digest", event.textDigest),
      ("reason", event.reason),
    ]
    for (name, text) in texts {
      if let text { json.field(name, text) }
    }
    json.endObject()
    return json.bytes
  }

  // MARK: What we are told

  /// That something changed, and not what: it is asked for. So a message that comes twice, late or out of order does no harm.
  struct Change: Sendable, Equatable {
    let number: MSISDN
    /// Nil: everything about the subscriber.
    let record: Record?

    struct Record: Sendable, Equatable {
      let client: ClientID
      let purpose: Purpose
    }
  }

  /// - Throws: `DocumentError` that names what is wrong, and no value.
  static func changes(_ body: [UInt8]) throws -> [Change] {
    var reader = try ObjectReader(JSONDocument(body, file: "request").root)
    guard try reader.integer("version", in: 0...Int.max) == version else { throw reader.error("version wants \(version)") }
    let array = try reader.array("changes")
    try reader.finish()
    guard (1...changesMaximum).contains(array.count) else {
      throw reader.error("changes wants 1 to \(changesMaximum) changes")
    }
    return try array.map { element in
      var reader = try ObjectReader(element)
      guard let number = MSISDN(tel: try reader.string("subject")) else {
        throw reader.error("subject wants the form tel:+33612345678")
      }
      let (client, purpose) = (try reader.optionalString("client_id"), try reader.optionalString("purpose"))
      try reader.finish()
      if client == nil, purpose == nil { return Change(number: number, record: nil) }
      guard let client = client.flatMap(ClientID.init(rawValue:)), let purpose = purpose.flatMap(Purpose.init(rawValue:)) else {
        throw reader.error("client_id and purpose go together, and want to be well-formed")
      }
      return Change(number: number, record: Change.Record(client: client, purpose: purpose))
    }
  }
}

import Bytes

/// Entries as OCSF 1.3 events of the class API Activity (6003, category Application Activity): `api.call` is a Read, everything else an
/// activity of its own name. What OCSF has no attribute for stands under `unmapped`, by the ledger's names.
enum OCSFExport {
  static let version = "1.3.0"
  private static let classUID = 6003

  static func json(_ row: LedgerRow) -> [UInt8] {
    let entry = row.entry
    let isCall = entry.event == "api.call"
    let activity = isCall ? 2 : 99
    var json = JSONWriter()
    json.beginObject()
    json.field("class_uid", classUID)
    json.field("class_name", "API Activity")
    json.field("category_uid", 6)
    json.field("category_name", "Application Activity")
    json.field("activity_id", activity)
    json.field("activity_name", isCall ? "Read" : entry.event)
    json.field("type_uid", classUID * 100 + activity)
    json.field("type_name", "API Activity: \(isCall ? "Read" : "Other")")
    json.field("severity_id", 1)
    json.field("severity", "Informational")
    json.field("time", Int(row.time.microseconds / 1000))
    if let duration = entry.durationMicroseconds { json.field("duration", duration / 1000) }
    status(entry, &json)
    metadata(row, &json)
    parties(entry, &json)
    unmapped(entry, &json)
    json.endObject()
    return json.bytes
  }

  private static func status(_ entry: LedgerEntry, _ json: inout JSONWriter) {
    switch entry.decision {
    case "refused", "failed":
      json.field("status_id", 2)
      json.field("status", "Failure")
    case "allowed":
      json.field("status_id", 1)
      json.field("status", "Success")
    default:
      json.field("status_id", 0)
      json.field("status", "Unknown")
    }
    if let status = entry.status { json.field("status_code", String(status)) }
    if let reason = entry.reason { json.field("status_detail", reason) }
  }

  private static func metadata(_ row: LedgerRow, _ json: inout JSONWriter) {
    json.key("metadata")
    json.beginObject()
    json.field("version", version)
    json.field("uid", String(row.sequence))
    json.field("sequence", Int(row.sequence))
    json.field("event_code", row.entry.event)
    json.field("original_time", row.time.rfc3339)
    json.field("log_name", "ledger")
    if let correlator = row.entry.correlator { json.field("correlation_uid", correlator) }
    json.key("product")
    json.beginObject()
    json.field("name", "Passerelle")
    json.field("vendor_name", "Passerelle")
    json.endObject()
    json.endObject()
  }

  /// Who asked, over which API, about whom. The ledger knows no address: the client is the source.
  private static func parties(_ entry: LedgerEntry, _ json: inout JSONWriter) {
    for name in ["actor", "src_endpoint"] {
      json.key(name)
      json.beginObject()
      let (key, value): (String, String)
      if name == "actor" {
        key = entry.clientID == nil ? "app_name" : "app_uid"
      } else {
        key = entry.clientID == nil ? "name" : "uid"
      }
      value = entry.clientID ?? "passerelle"
      json.key(key)
      json.string(value)
      json.endObject()
    }
    json.key("api")
    json.beginObject()
    json.field("operation", entry.operation ?? entry.event)
    if let api = entry.api {
      json.key("service")
      json.beginObject()
      json.field("name", api)
      json.endObject()
    }
    if let correlator = entry.correlator {
      json.key("request")
      json.beginObject()
      json.field("uid", correlator)
      json.endObject()
    }
    if let status = entry.status {
      json.key("response")
      json.beginObject()
      json.field("code", status)
      if let reason = entry.reason { json.field("error", reason) }
      json.endObject()
    }
    json.endObject()
    guard let subject = entry.subject else { return }
    json.key("resources")
    json.beginArray()
    json.beginObject()
    json.field("type", "subscriber")
    json.field("uid", subject)
    json.endObject()
    json.endArray()
  }

  private static func unmapped(_ entry: LedgerEntry, _ json: inout JSONWriter) {
    json.key("unmapped")
    json.beginObject()
    json.ledgerMembers(entry)
    json.endObject()
  }
}

extension JSONWriter {
  /// The members of an entry that other schemas have no name for, by the ledger's own.
  mutating func ledgerMembers(_ entry: LedgerEntry) {
    if let scopes = entry.scopes { field("scopes", scopes) }
    if let purpose = entry.purpose { field("purpose", purpose) }
    if let basis = entry.legalBasis { field("legal_basis", basis) }
    if let consent = entry.consentID { field("consent_id", consent) }
    if let categories = entry.categories { field("categories", categories) }
    if let status = entry.upstreamStatus { field("upstream_status", status) }
    guard !entry.detail.isEmpty else { return }
    key("detail")
    beginObject()
    for item in entry.detail {
      key(item.key)
      string(item.value)
    }
    endObject()
  }
}

import Bytes
import Identifiers
import Store

/// Everything about a subscriber as a document to take along (GDPR articles 15 and 20). README.md describes its members.
///
/// Of names there are the subscriber's own number and those of applications; no id of a record, a grant or a pseudonym, which are
/// keys of ours and would let documents of several people be laid side by side.
public enum MyDownload {
  public static let format = "passerelle-my-data/1"

  public static func json(_ data: MyRecords, madeAt: Timestamp) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.field("format", format)
    json.field("created_at", madeAt.rfc3339)
    json.field("phone_number", data.number.e164)
    json.key("consents")
    json.beginArray()
    for record in data.records where record.consent != nil { write(record, to: &json) }
    json.endArray()
    json.key("objections")
    json.beginArray()
    for record in data.records {
      guard let objectedAt = record.consent?.objectedAt else { continue }
      json.beginObject()
      json.field("client_id", record.client.rawValue)
      json.field("client_name", record.name)
      json.field("purpose", record.purpose.rawValue)
      json.field("objected_at", objectedAt.rfc3339)
      json.endObject()
    }
    json.endArray()
    write(data.uses, to: &json)
    json.endObject()
    return json.bytes
  }

  private static func write(_ record: MyRecord, to json: inout JSONWriter) {
    guard let consent = record.consent else { return }
    json.beginObject()
    json.field("client_id", record.client.rawValue)
    json.field("client_name", record.name)
    json.field("purpose", record.purpose.rawValue)
    json.field("legal_basis", consent.legalBasis)
    json.field("status", record.status)
    json.field("scopes", consent.scopes.map(\.rawValue))
    json.field("categories", consent.categories.map(\.rawValue))
    json.optional("granted_at", consent.grantedAt?.rfc3339)
    json.optional("expires_at", consent.expiresAt?.rfc3339)
    json.optional("withdrawn_at", consent.withdrawnAt?.rfc3339)
    json.key("events")
    json.beginArray()
    for event in record.events { write(event, to: &json) }
    json.endArray()
    json.endObject()
  }

  private static func write(_ event: ConsentEventRow, to json: inout JSONWriter) {
    json.beginObject()
    json.field("time", event.at.rfc3339)
    json.field("event", event.kind)
    json.field("by", event.actor)
    json.field("legal_basis", event.legalBasis)
    json.field("scopes", event.scopes.map(\.rawValue))
    json.field("categories", event.categories.map(\.rawValue))
    json.optional("expires_at", event.expiresAt?.rfc3339)
    json.optional("reason", event.reason)
    if event.pageVersion != nil || event.textDigest != nil {
      json.key("shown")
      json.beginObject()
      json.optional("page_version", event.pageVersion)
      json.optional("language", event.language)
      json.optional("text_sha256", event.textDigest)
      json.field("categories", (event.shownCategories ?? []).map(\.rawValue))
      json.endObject()
    }
    json.endObject()
  }

  private static func write(_ uses: MyUses, to json: inout JSONWriter) {
    json.key("uses")
    json.beginArray()
    for use in uses.uses ?? [] {
      json.beginObject()
      json.field("time", use.at.rfc3339)
      json.field("client_id", use.client.rawValue)
      json.optional("purpose", use.purpose?.rawValue)
      json.field("api", use.api)
      json.field("operation", use.operation)
      json.field("categories", use.categories)
      json.field("decision", use.decision)
      json.optional("legal_basis", use.legalBasis)
      json.endObject()
    }
    json.endArray()
    json.field("uses_complete", uses.uses != nil && uses.since == nil)
    json.optional("uses_since", uses.since?.rfc3339)
  }
}

extension JSONWriter {
  fileprivate mutating func optional(_ name: StaticString, _ value: String?) {
    if let value { field(name, value) }
  }
}

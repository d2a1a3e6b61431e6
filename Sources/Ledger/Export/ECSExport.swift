import Bytes

/// Entries as events of the Elastic Common Schema 8.11. What it has no field for stands under `passerelle`, by the ledger's names.
enum ECSExport {
  static let version = "8.11.0"

  static func json(_ row: LedgerRow) -> [UInt8] {
    let entry = row.entry
    var json = JSONWriter()
    json.beginObject()
    json.field("@timestamp", row.time.rfc3339)
    json.object("ecs") { $0.field("version", version) }
    json.object("event") { event(row, &$0) }
    json.object("service") {
      $0.field("name", "passerelle")
      $0.field("type", "passerelle")
    }
    if let client = entry.clientID { json.object("client") { $0.object("user") { $0.field("id", client) } } }
    if let subject = entry.subject { json.object("user") { $0.object("target") { $0.field("id", subject) } } }
    let related = [entry.clientID, entry.subject].compactMap(\.self)
    if !related.isEmpty { json.object("related") { $0.field("user", related) } }
    if entry.status != nil || entry.correlator != nil || entry.requestBytes != nil { json.object("http") { http(entry, &$0) } }
    json.object("passerelle") { passerelle in
      if let api = entry.api { passerelle.field("api", api) }
      if let operation = entry.operation { passerelle.field("operation", operation) }
      if let decision = entry.decision { passerelle.field("decision", decision) }
      passerelle.ledgerMembers(entry)
    }
    json.endObject()
    return json.bytes
  }

  private static func event(_ row: LedgerRow, _ json: inout JSONWriter) {
    let entry = row.entry
    json.field("kind", "event")
    json.field("category", category(entry.event))
    json.field("type", type(entry))
    json.field("action", entry.event)
    json.field("provider", "passerelle")
    json.field("dataset", "passerelle.ledger")
    json.field("id", String(row.sequence))
    json.field("sequence", Int(row.sequence))
    if let decision = entry.decision { json.field("outcome", decision == "allowed" ? "success" : "failure") }
    if let reason = entry.reason { json.field("reason", reason) }
    if let duration = entry.durationMicroseconds { json.field("duration", duration * 1000) }
  }

  /// The schema's own words alone.
  private static func category(_ event: String) -> [String] {
    if event.hasPrefix("api.") { return ["api"] }
    if event.hasPrefix("token.") || event.hasPrefix("backchannel.") { return ["authentication"] }
    return ["configuration"]
  }

  private static func type(_ entry: LedgerEntry) -> [String] {
    if entry.event.hasPrefix("api.") { return ["access", entry.decision == "allowed" ? "allowed" : "denied"] }
    if entry.event.hasPrefix("token.") { return [entry.event == "token.revoked" ? "end" : "start"] }
    return entry.event.hasPrefix("backchannel.") ? ["start"] : ["change"]
  }

  private static func http(_ entry: LedgerEntry, _ json: inout JSONWriter) {
    if entry.correlator != nil || entry.requestBytes != nil {
      json.object("request") { request in
        if let correlator = entry.correlator { request.field("id", correlator) }
        if let bytes = entry.requestBytes { request.object("body") { $0.field("bytes", bytes) } }
      }
    }
    if entry.status != nil || entry.responseBytes != nil {
      json.object("response") { response in
        if let status = entry.status { response.field("status_code", status) }
        if let bytes = entry.responseBytes { response.object("body") { $0.field("bytes", bytes) } }
      }
    }
  }
}

extension JSONWriter {
  fileprivate mutating func object(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
    key(name)
    beginObject()
    body(&self)
    endObject()
  }
}

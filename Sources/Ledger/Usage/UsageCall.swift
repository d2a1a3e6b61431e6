import Bytes
import Identifiers
import Store

/// What makes a usage row one and not another.
struct UsageKey: Hashable {
  var client: ClientID
  var api: String
  var operation: String
  var hour: Int
  var statusClass: Int

  init(_ call: UsageCall) {
    (client, api, operation) = (call.client, call.api, call.operation)
    (hour, statusClass) = (call.hour, call.status / 100)
  }

  init(_ row: UsageRow) {
    (client, api, operation) = (row.client, row.api, row.operation)
    (hour, statusClass) = (row.hour, row.statusClass)
  }
}

/// One entry of the ledger as accounting sees it.
struct UsageCall {
  let client: ClientID
  let api: String
  let operation: String
  let hour: Int
  let status: Int
  let isRefused: Bool

  /// Nil when the entry is no call of a known client: nobody can be billed for it.
  init?(_ reader: LedgerReader, _ tape: inout JSONTape) {
    guard (try? tape.parse(reader.line)) != nil,
      let event = tape.member("event", of: 0, in: reader.line),
      tape.stringEquals(event, "api.call", in: reader.line),
      let client = Self.text("client_id", reader, tape).flatMap(ClientID.init(rawValue:)),
      let time = reader.time
    else { return nil }
    self.client = client
    api = Self.text("api", reader, tape) ?? ""
    operation = Self.text("operation", reader, tape) ?? ""
    hour = Int(time.seconds) / 3600
    status = tape.member("status", of: 0, in: reader.line).flatMap { tape.integer($0, in: reader.line) } ?? 0
    isRefused = tape.member("decision", of: 0, in: reader.line).map { tape.stringEquals($0, "refused", in: reader.line) } ?? false
  }

  private static func text(_ name: StaticString, _ reader: LedgerReader, _ tape: JSONTape) -> String? {
    tape.member(name, of: 0, in: reader.line).flatMap { tape.string($0, in: reader.line) }
  }
}

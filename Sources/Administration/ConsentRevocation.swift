import Bytes
import Consent
import Identifiers
import Store
import Wire

extension AdminAPI {
  /// Consents that one request withdraws at most, and that a dry run counts at most.
  static let revokedMaximum = 500
  static let countedMaximum = ConsentFilter.limitMaximum
  /// Under way at a time: they share the writer's and the ledger's commits.
  private static let concurrentMaximum = 32

  /// `POST /admin/v1/consents/revoke` with `{"subject" | "client_id" | "purpose", "reason", "channel", "dry_run", "after"}`: withdraws
  /// a portion of the consents that stand, or wait for a consent master, and that all the given selectors name. Each is an event and
  /// an entry of its own.
  ///
  /// The answer says how many, with the first ids, and as `next` where to go on; without `next` there are no more. What was withdrawn
  /// is not found again, so that a caller that was interrupted begins anew and does the rest.
  func revokeConsents(_ request: AdminRequest) async throws -> HTTPResponse {
    var body = try request.object()
    var filter = ConsentFilter()
    let subject = try body.optionalString("subject")
    filter.client = try body.optionalString("client_id").map(Self.clientID)
    filter.purpose = try body.optionalString("purpose").map(Self.purpose)
    filter.after = try body.optionalString("after").map(Self.after)
    let isDryRun = try body.boolean("dry_run", default: false)
    let reason = try Self.reason(isDryRun ? body.optionalString("reason") ?? "" : body.string("reason"))
    let channel = try body.optionalString("channel").map(Self.channel) ?? "operator"
    try body.finish()
    // Nothing named is not everything.
    guard subject != nil || filter.client != nil || filter.purpose != nil else {
      throw AdminError.invalid("name what to revoke by subject, client_id or purpose")
    }
    if let subject {
      guard let pseudonym = try pseudonym(subject) else { return Self.revoked([], next: nil) }
      filter.subject = pseudonym
    }
    filter.limit = isDryRun ? Self.countedMaximum : Self.revokedMaximum
    let rows = try await dependencies.consents.withdrawable(filter)
    // An imported consent may be of a client that is not registered here yet.
    if rows.isEmpty, let client = filter.client, try dependencies.stores.clients.client(client) == nil {
      throw AdminError.noClient(client.rawValue)
    }
    let ids = rows.map(\.id)
    if !isDryRun { try await revoke(rows, reason: reason, channel: channel) }
    return Self.revoked(ids, next: ids.count == filter.limit ? ids.last : nil)
  }

  /// Withdraws some consents.
  ///
  /// - Throws: `AdminError.failed` that says how many hold without an entry, and which, when the ledger cannot be written; what comes
  ///   after them is not begun.
  func revoke(_ rows: [ConsentRow], reason: String, channel: String) async throws {
    var rest = rows[...]
    while !rest.isEmpty {
      let portion = rest.prefix(Self.concurrentMaximum)
      rest = rest.dropFirst(Self.concurrentMaximum)
      let unrecorded = try await withThrowingTaskGroup(of: ConsentID?.self) { group in
        for row in portion {
          group.addTask { [consents = dependencies.consents] in
            do { _ = try await consents.revoke(row, actor: "operator", reason: reason, channel: channel) } catch {
              guard case ConsentError.withdrawnButNotRecorded = error else { throw error }
              return row.id
            }
            return nil
          }
        }
        return try await group.reduce(into: [ConsentID]()) { if let id = $1 { $0.append(id) } }
      }
      guard unrecorded.isEmpty else {
        throw AdminError.failed(
          "The ledger cannot be written. \(unrecorded.count) are withdrawn without an entry; when it can, revoke these again by id: "
            + unrecorded.map(\.rawValue).joined(separator: " "))
      }
    }
  }

  private static func revoked(_ ids: [ConsentID], next: ConsentID?) -> HTTPResponse {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("count", ids.count)
    writer.field("ids", ids.prefix(10).map(\.rawValue))
    if let next { writer.field("next", next.rawValue) }
    writer.endObject()
    return HTTPResponse.json(200, writer.bytes)
  }
}

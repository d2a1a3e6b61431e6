import Bytes
import Identifiers
import Ledger
import Store
import Wire

extension AdminAPI {
  /// `GET /admin/v1/subscriptions?client=&subject=&kind=&status=&limit=`, the newest first; `subject` is a `tel:` number or a pseudonym.
  func listSubscriptions(_ request: AdminRequest) async throws -> HTTPResponse {
    try request.allow("client", "subject", "kind", "status", "limit")
    var filter = SubscriptionFilter(limit: try request.limit(default: 100))
    if let subject = request.query["subject"] {
      guard let pseudonym = try pseudonym(subject) else { return HTTPResponse.json(200, Array("[]".utf8)) }
      filter.subject = pseudonym
    }
    filter.client = try request.query["client"].map(Self.clientID)
    filter.kind = request.query["kind"]
    filter.status = try request.query["status"].map(Self.subscriptionStatus)
    let views = try await Self.offLoop { [stores = dependencies.stores, filter] in
      try SubscriptionView.search(filter, in: stores)
    }
    var writer = JSONWriter()
    writer.beginArray()
    for view in views { view.write(to: &writer) }
    writer.endArray()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `GET /admin/v1/subscriptions/{id}`.
  func showSubscription(_ request: AdminRequest) throws -> HTTPResponse {
    var writer = JSONWriter()
    try subscription(request.id).write(to: &writer)
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `POST /admin/v1/subscriptions/{id}/end` with `{"reason", "description"}`: what waits for it is not delivered any more, and client and
  /// backend are told. The reason is for the ledger, the description for the client; neither is needed.
  ///
  /// It gives less than before, so it holds even when the ledger cannot be written, and says so.
  func endSubscription(_ request: AdminRequest) async throws -> HTTPResponse {
    var (reason, description): (String, String?) = ("operator", nil)
    if !request.body.isEmpty {
      var body = try request.object()
      reason = try Self.reason(body.optionalString("reason") ?? reason)
      description = try body.optionalString("description").map(Self.description)
      try body.finish()
    }
    let record = try subscription(request.id).record
    guard record.status.isLive else { throw Self.endedBefore(record.id) }
    guard let ending = dependencies.subscriptionEnding else {
      throw AdminError.failed(
        "No gateway that delivers events runs with this configuration, and only such a one can tell client and backend; the "
          + "subscription lives on.")
    }
    guard try await ending.end(record.id, for: .operatorsAct(description: description)) else { throw Self.endedBefore(record.id) }
    do {
      try await dependencies.ledger.append(Self.entry("admin.subscription_ended", record, reason: reason))
    } catch {
      throw AdminError.failed("The subscription has ended, but the ledger cannot be written: the act has no entry of its own.")
    }
    var writer = JSONWriter()
    try subscription(record.id).write(to: &writer)
    return HTTPResponse.json(200, writer.bytes)
  }

  /// Ends all that is live about a subscriber, and forgets what backends said of those that ended before, which may name them. Where no
  /// gateway runs nobody is told: the backend learns it with its next event, to which it is answered that the subscription is gone.
  func endSubscriptions(of subject: SubjectPseudonym) async throws {
    let store = dependencies.stores.subscriptions
    for record in try store.live(subject: subject, client: nil) {
      if let ending = dependencies.subscriptionEnding {
        _ = try await ending.end(record.id, for: .subjectErased)
      } else {
        _ = try await store.end(
          record.id, status: .inactive, reason: "NETWORK_TERMINATED", at: dependencies.time.now(), farewell: nil)
      }
    }
    try await store.forgetDocuments(of: subject)
  }

  /// - Throws: `AdminError.missing` when there is none of that id.
  func subscription(_ id: String) throws -> SubscriptionView {
    guard let view = try SubscriptionView.find(id, in: dependencies.stores) else {
      throw AdminError.missing("There is no subscription \(id).")
    }
    return view
  }

  static func entry(_ event: String, _ record: SubscriptionRecord, reason: String? = nil, _ detail: [LedgerEntry.Detail] = [])
    -> LedgerEntry
  {
    LedgerEntry(
      event: event, clientID: record.client.rawValue, subject: record.subject?.rawValue, api: record.api.rawValue,
      purpose: record.purpose?.rawValue, reason: reason, detail: [LedgerEntry.Detail("subscription", record.id)] + detail)
  }

  private static func endedBefore(_ id: String) -> AdminError { .conflict("The subscription \(id) has ended already.") }

  private static func description(_ text: String) throws -> String {
    let isShown = !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    guard (1...SubscriptionEndCause.descriptionBytesMaximum).contains(text.utf8.count), isShown else {
      throw AdminError.invalid(
        "description wants 1 to \(SubscriptionEndCause.descriptionBytesMaximum) bytes, none of them of control")
    }
    return text
  }

  private static func subscriptionStatus(_ text: String) throws -> SubscriptionRecord.Status {
    guard let status = SubscriptionRecord.Status(rawValue: text) else {
      let known = SubscriptionRecord.Status.allCases.map(\.rawValue)
      throw AdminError.invalid("status is one of \(known.joined(separator: ", "))")
    }
    return status
  }
}

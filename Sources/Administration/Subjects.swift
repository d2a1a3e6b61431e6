import Bytes
import Consent
import Identifiers
import Ledger
import Store
import Wire

extension AdminAPI {
  /// `GET /admin/v1/subjects?subject=`: what is kept about a subscriber, in numbers; the number itself is not told.
  func showSubject(_ request: AdminRequest) async throws -> HTTPResponse {
    try request.allow("subject")
    guard let text = request.query["subject"] else { throw AdminError.invalid("subject is missing") }
    let subject = try known(text)
    let rows = try await dependencies.consents.records(of: subject)
    let resources = try await Self.offLoop { [dependencies] in try dependencies.stores.resources.count(subject: subject) }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("subject", subject.rawValue)
    writer.field("consents", rows.count)
    writer.field("consents_granted", rows.count { $0.status(at: dependencies.time.now()) == "granted" })
    writer.field("grants", try dependencies.stores.grants.openCount(subject: subject))
    // Sessions, payments, subscriptions that calls made.
    writer.field("resources", resources)
    writer.endObject()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `POST /admin/v1/subjects/erase` with `{"subject", "reason"}` (GDPR article 17): ends every grant, refresh token and subscription about
  /// the subscriber, withdraws their consents, and destroys the row that links number and pseudonym. What is left, in ledger and
  /// histories, is about nobody; the same number is a new subscriber afterwards.
  ///
  /// The entry is first. Every step may be done again: one that fails in between is repeated whole.
  func eraseSubject(_ request: AdminRequest) async throws -> HTTPResponse {
    var body = try request.object()
    let text = try body.string("subject")
    let reason = try Self.reason(body.string("reason"))
    try body.finish()
    let subject = try known(text)
    let stores = dependencies.stores
    var (withdrawn, ended, isLogEmpty) = (0, 0, true)
    let entry = LedgerEntry(event: "subject.erased", subject: subject.rawValue, reason: reason)
    try await recorded(entry) {
      // Before the consents: nothing new comes of what is under way.
      try await stores.backchannel.end(subject: subject)
      try await stores.refreshTokens.end(subject: subject)
      try await endSubscriptions(of: subject)
      ended = try await stores.grants.end(subject: subject, reason: "subject_erased").count
      let standing = try await dependencies.consents.records(of: subject).filter { ["granted", "pending"].contains($0.status) }
      withdrawn = standing.count
      try await revoke(standing, reason: "subject_erased", channel: "operator")
      // Without the number nobody could tell it any more.
      guard try await dependencies.consents.isSettled(subject) else {
        throw AdminError.failed(
          "The consents are withdrawn, but the consent master has not taken that yet; nothing is erased: repeat this when it has."
        )
      }
      isLogEmpty = try await stores.subjects.erase(subject)
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("subject", subject.rawValue)
    writer.field("consents_revoked", withdrawn)
    writer.field("grants_ended", ended)
    // False: SQLite's log, which nobody could empty for those who read, holds the sealed number until it is written over.
    writer.field("log_emptied", isLogEmpty)
    writer.endObject()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// A subscriber whose number is known here.
  private func known(_ text: String) throws -> SubjectPseudonym {
    guard let subject = try pseudonym(text), try dependencies.stores.subjects.number(of: subject) != nil else {
      throw AdminError.noSubscriber(text)
    }
    return subject
  }
}

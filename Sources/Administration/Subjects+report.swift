import Bytes
import Identifiers
import Ledger
import Store
import Wire

extension AdminAPI {
  /// `GET /admin/v1/subjects/report?subject=`: the whole story of a subscriber's data, for them to read (`SubjectReport`). That it was made
  /// is an entry itself.
  func reportSubject(_ request: AdminRequest) async throws -> HTTPResponse {
    try request.allow("subject")
    guard let text = request.query["subject"] else { throw AdminError.invalid("subject is missing") }
    guard let subject = try pseudonym(text), let number = try dependencies.stores.subjects.number(of: subject) else {
      throw AdminError.noSubscriber(text)
    }
    try await dependencies.ledger.append(LedgerEntry(event: "subject.reported", subject: subject.rawValue))
    // A long ledger takes its time; the loop goes on meanwhile.
    return try await Self.offLoop { [dependencies] in
      HTTPResponse.json(200, try Self.report(subject, number, dependencies).json())
    }
  }

  private static func report(
    _ subject: SubjectPseudonym, _ number: MSISDN, _ dependencies: AdminDependencies
  ) throws -> SubjectReport {
    let directory = dependencies.ledger.directory
    let filter = LedgerFilter(subject: subject.rawValue, limit: SubjectReport.entriesMaximum + 1)
    let index = dependencies.index
    let entries = try LedgerSearch(directory: directory, filter: filter, index: index).run()
    let rows = try dependencies.stores.consents.search(ConsentFilter(subject: subject, limit: ConsentFilter.limitMaximum))
    let consents = try rows.map { ($0, try dependencies.stores.consents.events(of: $0.id)) }
    var names: [ClientID: String] = [:]
    for client in Set(rows.map(\.client) + entries.compactMap { $0.entry.clientID.flatMap(ClientID.init(rawValue:)) }) {
      names[client] = try dependencies.stores.clients.client(client)?.name
    }
    return SubjectReport(
      subject: subject, number: number, madeAt: dependencies.time.now(),
      entries: Array(entries.suffix(SubjectReport.entriesMaximum)), isComplete: entries.count <= SubjectReport.entriesMaximum,
      consents: consents, clientNames: names, catalogue: dependencies.catalogue)
  }
}

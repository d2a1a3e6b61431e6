import Bytes
import Glibc
import Ledger

/// `audit tail [--follow]`: the last entries, and then each as it comes.
enum AuditTail {
  private static let waitMicroseconds: UInt32 = 200_000

  static func run(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "tail")
    let configuration = try Command.configuration(arguments)
    var isKnown = true
    var filter = LedgerFilter()
    if let found = try AuditSearch.filter(arguments, configuration) { filter = found } else { isKnown = false }
    filter.limit = try arguments.integer("--limit", default: 10, in: 0...1_000_000)
    // The end first: what comes while the last entries are looked for is followed, and stands there once.
    let end = LedgerPlace.end(of: configuration.ledgerFolder)
    if isKnown, filter.limit > 0 {
      let index = try AuditSearch.index(configuration)
      let rows = try LedgerSearch(directory: configuration.ledgerFolder, filter: filter, index: index).run()
      for row in rows where row.sequence <= end.sequence { print(row, arguments) }
    }
    guard arguments.flag("--follow") else { return }
    guard isKnown else { throw CommandFailure("no such subscriber is known here: there is nothing to wait for") }
    let follower = LedgerFollower(directory: configuration.ledgerFolder, from: end)
    while true {
      while let row = try follower.next() {
        if filter.matches(row) { print(row, arguments) }
      }
      usleep(waitMicroseconds)
    }
  }

  /// A line each, so that a pipe can follow: the entry itself with `--json`.
  private static func print(_ row: LedgerRow, _ arguments: Arguments) {
    guard !arguments.flag("--json") else { return Output.json(row.raw) }
    let entry = row.entry
    let call = entry.api.map { api in api + " " + (entry.operation ?? "") }
    let why = entry.reason ?? entry.categories?.joined(separator: ",")
    let status = entry.status.map { String($0) }
    let words: [String?] = [
      String(row.sequence), row.time.rfc3339, entry.event, entry.clientID, call, entry.decision, status, why,
    ]
    Output.line(words.map { $0 ?? "-" }.joined(separator: "  "))
  }
}

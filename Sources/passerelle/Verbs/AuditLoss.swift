import Bytes
import Ledger
import Store

/// `audit accept-loss --yes`: the way on when the ledger's end is lost and no backup has it.
enum AuditLoss {
  static func run(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "accept-loss")
    let configuration = try Command.configuration(arguments)
    let counted = try Installation(configuration).readStores { stores, _ in try stores.usage.position() }
    guard let known = counted else { throw CommandFailure("\(configuration.data): there is nothing counted here") }
    guard arguments.flag("--yes") else {
      let last = LedgerPlace.end(of: configuration.ledgerFolder).sequence
      guard last < known.sequence else { throw LedgerError.nothingLost(last: last, known: known.sequence) }
      throw UsageError(
        "entries \(last + 1) to \(known.sequence) are missing, and the ledger will say so for ever: say --yes when no backup has them"
      )
    }
    try LedgerLoss.accept(directory: configuration.ledgerFolder, known: known, time: SystemTime())
    Output.line("the next start goes on behind entry \(known.sequence), and says in the ledger what is missing")
  }
}

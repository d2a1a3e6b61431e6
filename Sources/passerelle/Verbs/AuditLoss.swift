import Bytes
import Ledger
import Store

/// `audit accept-loss --yes`: the way on when the ledger's end is lost and no backup has it.
enum AuditLoss {
  static func run(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "accept-loss")
    let configuration = try Command.configuration(arguments)
    let installation = Installation(configuration)
    guard try installation.hasDatabase() else { throw CommandFailure("\(configuration.data): there is nothing counted here") }
    let stores = try Backbone.stores(configuration, installation.keysForReading(), SystemTime())
    defer { stores.database.close() }
    let known = try stores.usage.position()
    guard arguments.flag("--yes") else {
      throw UsageError(
        "the ledger will say for ever that entries up to \(known.sequence) are lost: say --yes when no backup has them")
    }
    try LedgerLoss.accept(directory: configuration.ledgerFolder, known: known, time: SystemTime())
    Output.line("the next start goes on behind entry \(known.sequence), and says in the ledger what is missing")
  }
}

import Authorization
import Bytes
import Consent
import ConsentMaster
import Identifiers
import JOSE
import Ledger
import Policy
import Store
import Wire

/// What stands behind every listener and every command, whatever the configuration becomes: keys, stores, ledger, usage.
///
/// Opening one takes the ledger's lock, so that exactly one process writes; commands then talk to the process that has it.
final class Backbone: Sendable {
  /// With which it was opened.
  let ruleset: Ruleset
  let time: any TimeSource
  let keys: KeyRing
  let stores: Stores
  let ledger: LedgerWriter
  let changes: ChangeBoard
  let usage: UsageProjection
  /// Nil: the ledger keeps everything.
  let retention: LedgerRetention?
  /// The operator's own, where there is one, on a loop of its own.
  let consentMaster: ConsentMasterLink?
  let meters: Meters

  /// - Parameter ledgerTold: hears from the ledger's writer, on its thread: why it cannot write, and nil when it can again.
  /// - Throws: one line that says what is wrong and what to do; nothing is half made.
  init(
    _ configuration: Configuration, time: any TimeSource = SystemTime(),
    ledgerTold: @escaping @Sendable (String?) -> Void = { _ in }
  ) throws {
    self.time = time
    ruleset = try Ruleset(configuration)
    let installation = Installation(configuration)
    keys = try installation.keys(time: time)
    try Files.makeFolder(configuration.data)
    let hadDatabase = try installation.hasDatabase()
    ledger = try LedgerWriter(
      directory: configuration.ledgerFolder, time: time, options: configuration.ledgerOptions, told: ledgerTold)
    changes = ChangeBoard()
    meters = Meters(configuration.metrics)
    do {
      guard hadDatabase || ledger.lastSequence == 0 else { throw installation.databaseMissing(entries: ledger.lastSequence) }
      stores = try Backbone.stores(configuration, keys, time)
      try installation.checkEnd(of: ledger.lastSequence, counted: stores.usage.position().sequence)
      consentMaster = try configuration.consent.master.map { [stores, ledger, changes] in
        try ConsentMasterLink($0, configuration.outbound, stores, changes, ledger, time)
      }
    } catch {
      ledger.close()
      throw error
    }
    usage = UsageProjection(
      directory: configuration.ledgerFolder, store: stores.usage, durableSequence: { [ledger] in ledger.lastSequence },
      live: ledger.usage)
    retention = configuration.ledger.retentionDays.map { [ledger, keys, stores] days in
      LedgerRetention(
        directory: configuration.ledgerFolder, key: keys.audit, time: time, days: days,
        countedSequence: { try stores.usage.position().sequence }, note: { try ledger.appendNow($0) })
    }
    // A command of another process that changed a consent: whatever the loops remember is read again.
    stores.database.onForeignCommit { [changes] in changes.changedEverything() }
  }

  /// Closes ledger and store; what was acknowledged is on disk.
  func close() {
    consentMaster?.stop()
    ledger.close()
    stores.database.close()
  }

  /// The configuration with which it was opened.
  var configuration: Configuration { ruleset.configuration }

  /// The backbone under a ruleset, from which the parts of a gateway are made.
  func under(_ ruleset: Ruleset) -> RuledBackbone { RuledBackbone(self, ruleset) }

  /// The stores alone, for reading beside a running gateway.
  static func stores(_ configuration: Configuration, _ keys: KeyRing, _ time: any TimeSource) throws -> Stores {
    Stores(
      database: try Database(path: configuration.databaseFile, time: time), lookup: keys.lookup,
      sealing: keys.sealing, hasConsentMaster: configuration.consent.master != nil)
  }
}

/// A backbone under one ruleset: what the parts of a gateway are made from. The consent register is a view of the one store, with the
/// ruleset's catalogue; all views see each other's changes at once.
struct RuledBackbone: Sendable {
  let backbone: Backbone
  let ruleset: Ruleset
  let consents: ConsentRegister

  init(_ backbone: Backbone, _ ruleset: Ruleset) {
    self.backbone = backbone
    self.ruleset = ruleset
    consents = ConsentRegister(
      store: backbone.stores.consents, refreshTokens: backbone.stores.refreshTokens, catalogue: ruleset.catalogue,
      time: backbone.time, observer: ConsentLedger(ledger: backbone.ledger, counter: backbone.meters.consentChanges),
      source: backbone.consentMaster?.master.records,
      changes: backbone.changes)
  }

  var configuration: Configuration { ruleset.configuration }
  var catalogue: Catalogue { ruleset.catalogue }
  var time: any TimeSource { backbone.time }
  var keys: KeyRing { backbone.keys }
  var stores: Stores { backbone.stores }
  var ledger: LedgerWriter { backbone.ledger }
}

extension Configuration {
  var ledgerFolder: String { data + "/ledger" }
  var databaseFile: String { data + "/passerelle.sqlite" }
}

import Accounting
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

/// What stands behind every listener and every command: keys, catalogue, stores, consent register, ledger.
///
/// Opening one takes the ledger's lock, so that exactly one process writes; commands then talk to the process that has it.
final class Backbone: Sendable {
  let configuration: Configuration
  let time: any TimeSource
  let keys: KeyRing
  let catalogue: Catalogue
  let stores: Stores
  let ledger: LedgerWriter
  let consents: ConsentRegister
  let usage: UsageProjection
  let plans: PlanBook
  /// Nil: the ledger keeps everything.
  let retention: LedgerRetention?
  /// The operator's own, where there is one, on a loop of its own.
  let consentMaster: ConsentMasterLink?

  /// - Parameter ledgerTold: hears from the ledger's writer, on its thread: why it cannot write, and nil when it can again.
  /// - Throws: one line that says what is wrong and what to do; nothing is half made.
  init(
    _ configuration: Configuration, time: any TimeSource = SystemTime(),
    ledgerTold: @escaping @Sendable (String?) -> Void = { _ in }
  ) throws {
    self.configuration = configuration
    self.time = time
    catalogue = try Backbone.catalogue(configuration)
    let installation = Installation(configuration)
    keys = try installation.keys(time: time)
    try Files.makeFolder(configuration.data)
    let hadDatabase = try installation.hasDatabase()
    ledger = try LedgerWriter(
      directory: configuration.ledgerFolder, time: time, options: configuration.ledgerOptions, told: ledgerTold)
    let changes = ChangeBoard()
    do {
      guard hadDatabase || ledger.lastSequence == 0 else { throw installation.databaseMissing(entries: ledger.lastSequence) }
      stores = try Backbone.stores(configuration, keys, time)
      try installation.checkEnd(of: ledger.lastSequence, counted: stores.usage.position().sequence)
      consentMaster = try configuration.consent.master.map { [stores, ledger] in
        try ConsentMasterLink($0, configuration.outbound, stores, changes, ledger, time)
      }
    } catch {
      ledger.close()
      throw error
    }
    consents = ConsentRegister(
      store: stores.consents, refreshTokens: stores.refreshTokens, catalogue: catalogue, time: time,
      observer: ConsentLedger(ledger: ledger), source: consentMaster?.master.records, changes: changes)
    usage = UsageProjection(
      directory: configuration.ledgerFolder, store: stores.usage, durableSequence: { [ledger] in ledger.lastSequence },
      live: ledger.usage)
    plans = Backbone.plans(configuration, catalogue)
    retention = configuration.ledger.retentionDays.map { [ledger, keys, stores] days in
      LedgerRetention(
        directory: configuration.ledgerFolder, key: keys.audit, time: time, days: days,
        countedSequence: { try stores.usage.position().sequence }, note: { try ledger.appendNow($0) })
    }
    // A command of another process that changed a consent: whatever the loops remember is read again.
    stores.database.onForeignCommit { [consents] in consents.changedElsewhere() }
  }

  /// Closes ledger and store; what was acknowledged is on disk.
  func close() {
    consentMaster?.stop()
    ledger.close()
    stores.database.close()
  }

  static func catalogue(_ configuration: Configuration) throws -> Catalogue {
    do { return try Catalogue.load(directory: configuration.policies) } catch { throw CommandFailure("\(error)") }
  }

  /// The configuration's plans, and for who has none the policies' prices. Versions of one API share its name; an operation has one
  /// price in all of them, the newest's.
  static func plans(_ configuration: Configuration, _ catalogue: Catalogue) -> PlanBook {
    var plans = configuration.billing
    for operation in catalogue.operationsByIndex {
      guard let price = operation.price, let currency = Currency(rawValue: price.currency) else { continue }
      plans.setListPrice(
        api: operation.api.rawValue, operation: operation.id.rawValue, micros: price.amountMicros, currency: currency)
    }
    return plans
  }

  /// The stores alone, for reading beside a running gateway.
  static func stores(_ configuration: Configuration, _ keys: KeyRing, _ time: any TimeSource) throws -> Stores {
    Stores(
      database: try Database(path: configuration.data + "/passerelle.sqlite", time: time), lookup: keys.lookup,
      sealing: keys.sealing, hasConsentMaster: configuration.consent.master != nil)
  }
}

extension Configuration {
  var ledgerFolder: String { data + "/ledger" }
}

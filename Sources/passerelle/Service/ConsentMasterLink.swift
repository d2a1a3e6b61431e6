import Administration
import Bytes
import ConsentMaster
import Ledger
import Store
import Wire

/// The operator's consent master: its parts, the loop that they work on, and what it may tell us.
final class ConsentMasterLink: Sendable {
  let master: ConsentMaster
  /// Nil where it may tell us nothing.
  let changes: MasterChanges?
  private let settings: Configuration.ConsentMaster
  private let loop: EventLoop

  /// Begins at once to tell what waited over a restart.
  ///
  /// - Throws: one line, when a file with a token or with authorities cannot be used.
  init(
    _ settings: Configuration.ConsentMaster, _ outbound: Configuration.Outbound, _ stores: Stores, _ board: ChangeBoard,
    _ ledger: LedgerWriter, _ time: any TimeSource
  ) throws {
    self.settings = settings
    let tls = try Self.tls(settings, outbound)
    changes = try settings.pushToken().map {
      MasterChanges(token: $0, subjects: stores.subjects, changes: board, ledger: ledger)
    }
    loop = try EventLoop(index: 0, time: time)
    master = ConsentMaster.make(try settings.made(), tls: tls, loop: loop, stores: stores, changes: board, time: time) {
      Output.error($0)
    }
    loop.start()
    master.outbox.wake()
  }

  static func tls(_ settings: Configuration.ConsentMaster, _ outbound: Configuration.Outbound) throws -> TLSClientContext {
    do { return try TLSClientContext(caFile: settings.caFile ?? outbound.caFile) } catch { throw CommandFailure("\(error)") }
  }

  func stop() {
    master.outbox.stop()
    loop.stop()
  }

  func state() throws -> ConsentMasterState {
    let outbox = try master.outbox.state()
    return ConsentMasterState(
      address: settings.address.description, rememberedSeconds: settings.rememberedSeconds,
      overdueSeconds: settings.overdueSeconds, waiting: outbox.count, waitingSince: outbox.oldest, problem: outbox.problem)
  }
}

extension Configuration.ConsentMaster {
  /// - Throws: one line, when the file with the token cannot be used.
  func made() throws -> ConsentMasterSettings {
    var made = ConsentMasterSettings(address: address)
    made.bearerToken = try bearerTokenFile.map { try OutboundServices.token($0, key: "consent.master.bearerTokenFile") }
    made.timeoutMilliseconds = timeoutMilliseconds
    made.requestsMaximum = requestsMaximum
    made.rememberedSeconds = rememberedSeconds
    made.overdueSeconds = overdueSeconds
    return made
  }

  /// - Throws: one line, when the file cannot be used.
  func pushToken() throws -> String? {
    try pushTokenFile.map { try OutboundServices.token($0, key: "consent.master.pushTokenFile") }
  }
}

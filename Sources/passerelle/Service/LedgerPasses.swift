import JOSE
import Ledger
import Telemetry
import Wire

/// What is done with the ledger's files behind the calls, each on a thread of its own: counting, sealing, indexing, removing. What goes
/// wrong is said once in the log, and again when it goes on.
enum LedgerPasses {
  /// A pass under the name by which `/readyz` tells of its fault.
  struct Named: Sendable {
    let name: String
    let pass: RepeatedPass
  }

  /// What goes wrong with them now.
  static func faults(_ passes: [Named]) -> [(name: String, state: String)] {
    passes.compactMap { named in named.pass.fault.map { (named.name, $0) } }
  }

  /// Usage, once a second.
  static func counting(_ backbone: Backbone) -> Named {
    let usage = backbone.usage
    return pass("usage_counting", "usage is not counted on", everyMilliseconds: 1000) { _ in try usage.advance() }
  }

  /// - Throws: one line, when the token for publishing seals cannot be read.
  static func all(_ backbone: Backbone, _ outbound: Outbound) throws -> [Named] {
    [try sealing(backbone, outbound), indexing(backbone)] + [retention(backbone)].compactMap(\.self)
  }

  /// Seals what is closed, notes each seal in the ledger, and takes it elsewhere, a minute later at most.
  private static func sealing(_ backbone: Backbone, _ outbound: Outbound) throws -> Named {
    let publisher = try SealPublisher(backbone.configuration, key: backbone.keys.audit.verificationKey, outbound)
    let sealer = LedgerSealer(
      directory: backbone.configuration.ledgerFolder, key: backbone.keys.audit, time: backbone.time,
      sealed: { [ledger = backbone.ledger] seal in
        let detail = [LedgerEntry.Detail("segment", seal.segment), LedgerEntry.Detail("root", seal.root.hex)]
        do { try ledger.appendNow(LedgerEntry(event: "ledger.sealed", detail: detail)) } catch {
          Log.process.error(
            "ledger.seal_not_recorded", "\(seal.segment) is sealed, but the ledger could not take the note of it: \(error)")
        }
      })
    return pass("ledger_sealing", "the ledger is not sealed on", everyMilliseconds: 60_000) { _ in
      defer { publisher.publish() }
      try sealer.sealClosedSegments()
    }
  }

  /// Makes the index of each segment that was closed, a minute later at most.
  private static func indexing(_ backbone: Backbone) -> Named {
    let index = LedgerIndex(directory: backbone.configuration.ledgerFolder, key: backbone.keys.lookup)
    return pass("ledger_index", "the ledger is not indexed on, and searches are slower", everyMilliseconds: 60_000) { isStopped in
      try index.makeMissing(isCancelled: isStopped)
    }
  }

  /// Removes once a day what is older than it may become.
  private static func retention(_ backbone: Backbone) -> Named? {
    guard let retention = backbone.retention else { return nil }
    return pass(
      "ledger_retention", "what is older than ledger.retentionDays is not removed", everyMilliseconds: 86_400_000
    ) { _ in
      try retention.run()
    }
  }

  private static func pass(
    _ name: String, _ complaint: String, everyMilliseconds: Int,
    work: @escaping @Sendable (RepeatedPass.IsStopped) throws -> Void
  ) -> Named {
    let pass = RepeatedPass(
      everyMilliseconds: everyMilliseconds,
      told: { fault in
        if let fault {
          Log.process.error("ledger.pass_failed", "\(complaint): \(fault)")
        } else {
          Log.process.info("ledger.pass_goes_on", "no more: \(complaint)")
        }
      }, work: work)
    return Named(name: name, pass: pass)
  }
}

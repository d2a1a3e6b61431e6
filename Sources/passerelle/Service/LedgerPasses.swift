import JOSE
import Ledger
import Telemetry
import Wire

/// What is done with the ledger's files behind the calls, each on a thread of its own: counting, sealing, indexing, removing. What goes
/// wrong is said once in the log, and again when it goes on.
enum LedgerPasses {
  /// Usage, once a second.
  static func counting(_ backbone: Backbone) -> RepeatedPass {
    pass("usage is not counted on", everyMilliseconds: 1000) { [usage = backbone.usage] _ in try usage.advance() }
  }

  /// - Throws: `KeyFileError` when the token for publishing seals cannot be read.
  static func all(_ backbone: Backbone, _ outbound: Outbound, loop: EventLoop) throws -> [RepeatedPass] {
    [try sealing(backbone, outbound, loop: loop), indexing(backbone)] + [retention(backbone)].compactMap(\.self)
  }

  /// Seals what is closed, notes each seal in the ledger, and takes it elsewhere, a minute later at most.
  private static func sealing(_ backbone: Backbone, _ outbound: Outbound, loop: EventLoop) throws -> RepeatedPass {
    let publisher = try SealPublisher(
      backbone.configuration, key: backbone.keys.audit.verificationKey, outbound, loop: loop)
    let sealer = LedgerSealer(
      directory: backbone.configuration.ledgerFolder, key: backbone.keys.audit, time: backbone.time,
      sealed: { [ledger = backbone.ledger] seal in
        let detail = [LedgerEntry.Detail("segment", seal.segment), LedgerEntry.Detail("root", seal.root.hex)]
        do { try ledger.appendNow(LedgerEntry(event: "ledger.sealed", detail: detail)) } catch {
          Log.process.error(
            "ledger.seal_not_recorded", "\(seal.segment) is sealed, but the ledger could not take the note of it: \(error)")
        }
      })
    return pass("the ledger is not sealed on", everyMilliseconds: 60_000) { _ in
      defer { publisher.publish() }
      try sealer.sealClosedSegments()
    }
  }

  /// Makes the index of each segment that was closed, a minute later at most.
  private static func indexing(_ backbone: Backbone) -> RepeatedPass {
    let index = LedgerIndex(directory: backbone.configuration.ledgerFolder, key: backbone.keys.lookup)
    return pass("the ledger is not indexed on, and searches are slower", everyMilliseconds: 60_000) { isStopped in
      try index.makeMissing(isCancelled: isStopped)
    }
  }

  /// Removes once a day what is older than it may become.
  private static func retention(_ backbone: Backbone) -> RepeatedPass? {
    guard let retention = backbone.retention else { return nil }
    return pass("what is older than ledger.retentionDays is not removed", everyMilliseconds: 86_400_000) { _ in
      try retention.run()
    }
  }

  private static func pass(
    _ complaint: String, everyMilliseconds: Int, work: @escaping @Sendable (RepeatedPass.IsStopped) throws -> Void
  ) -> RepeatedPass {
    RepeatedPass(
      everyMilliseconds: everyMilliseconds,
      told: { fault in
        if let fault {
          Log.process.error("ledger.pass_failed", "\(complaint): \(fault)")
        } else {
          Log.process.info("ledger.pass_goes_on", "no more: \(complaint)")
        }
      }, work: work)
  }
}

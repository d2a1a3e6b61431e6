import Dispatch
import Telemetry

/// What the ledger's writer has to say while a gateway runs.
enum LedgerNotices {
  /// One line when nothing can be written any more, and one when it can again. Not on the writer's thread: who reads the output slowly must
  /// not hold the ledger up.
  static func toLog() -> @Sendable (String?) -> Void {
    let queue = DispatchQueue(label: "ledger notices")
    return { fault in
      queue.async {
        if let fault {
          Log.process.error("ledger.cannot_be_written", "\(fault); calls are answered 503 until it can be")
        } else {
          Log.process.info("ledger.goes_on", "the ledger can be written again")
        }
      }
    }
  }
}

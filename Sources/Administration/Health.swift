import Bytes
import Ledger
import Store
import Synchronization
import Wire

/// Whether a gateway was told to stop: from then on nobody should send it more. Any thread.
public final class Draining: Sendable {
  private let state = Atomic<Bool>(false)

  public init() {}
  public var hasBegun: Bool { state.load(ordering: .acquiring) }
  public func begin() { state.store(true, ordering: .releasing) }
}

/// What `/healthz` and `/readyz` say.
public struct Health: Sendable {
  let ledger: LedgerWriter
  let database: Database
  /// What else there is to tell, beside what readiness depends on.
  let details: @Sendable () -> [(name: String, state: String)]
  let draining: Draining

  public init(
    ledger: LedgerWriter, database: Database, draining: Draining = Draining(),
    details: @escaping @Sendable () -> [(name: String, state: String)] = { [] }
  ) {
    self.ledger = ledger
    self.database = database
    self.draining = draining
    self.details = details
  }

  /// The process runs and its loops turn.
  func alive() -> HTTPResponse { answer(200, [("status", "ok")]) }

  /// The gateway can answer calls: the ledger can be written and the store can be read, and it is not on its way out. 503 otherwise, and
  /// which it is.
  func ready() -> HTTPResponse {
    let ledgerState = ledger.isHealthy ? "ok" : "cannot be written"
    let storeState = (try? database.read { _ = try $0.statement("SELECT 1").step() }) == nil ? "cannot be read" : "ok"
    let isReady = ledgerState == "ok" && storeState == "ok" && !draining.hasBegun
    let status = draining.hasBegun ? "stopping" : isReady ? "ready" : "not ready"
    let needed = [("status", status), ("ledger", ledgerState), ("store", storeState)]
    return answer(isReady ? 200 : 503, needed + details().map { ($0.name, $0.state) })
  }

  private func answer(_ status: Int, _ fields: [(String, String)]) -> HTTPResponse {
    var writer = JSONWriter()
    writer.beginObject()
    for (name, value) in fields {
      writer.key(name)
      writer.string(value)
    }
    writer.endObject()
    return HTTPResponse.json(status, writer.bytes)
  }
}

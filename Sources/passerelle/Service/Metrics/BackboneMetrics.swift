import ConsentMaster
import Ledger
import Store
import Telemetry

extension Backbone {
  /// Adds what ledger, store and counting have to tell.
  func registerMetrics() {
    meters.registry.set("ledger") { [ledger] in ledger.metrics() }
    meters.registry.set("store") { [database = stores.database] in
      [
        .single(
          "passerelle_store_waiting_writes", .gauge, help: "Writes to the database that wait for their turn.",
          .count(UInt64(database.waitingCount)))
      ]
    }
    meters.registry.set("usage") { [stores, ledger] in Self.usageMetrics(stores, ledger) }
    if let consentMaster { meters.registry.set("consentMaster") { Self.masterMetrics(consentMaster) } }
  }

  /// Nothing, where the database cannot be read: a number that is not known is no number.
  private static func usageMetrics(_ stores: Stores, _ ledger: LedgerWriter) -> [MetricFamily] {
    guard let counted = try? stores.usage.position().sequence else { return [] }
    let last = ledger.lastSequence
    return [
      .single(
        "passerelle_usage_counted_sequence", .gauge, help: "The ledger's entry up to which usage is counted.", .count(counted)),
      .single(
        "passerelle_usage_lag_entries", .gauge, help: "Durable entries that are not counted into usage yet.",
        .count(last > counted ? last - counted : 0)),
    ]
  }

  private static func masterMetrics(_ link: ConsentMasterLink) -> [MetricFamily] {
    guard let state = try? link.state() else { return [] }
    return [
      .single(
        "passerelle_consent_master_waiting_changes", .gauge, help: "Changes that the consent master has not taken yet.",
        .count(UInt64(max(0, state.waiting))))
    ]
  }
}

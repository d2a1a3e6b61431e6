import Bytes
import Store
import Synchronization
import Telemetry

/// What is counted of events. Any thread.
public final class EventMeter: Sendable {
  private let received = LabelledCounter(
    "passerelle_events_received", help: "Events that backends gave, by what was answered.", labels: ["outcome"])
  private let outcomes = LabelledCounter(
    "passerelle_event_outcomes", help: "Events that left the queue: delivered, withheld, dropped or buried.", labels: ["outcome"])
  private let failures = LabelledCounter(
    "passerelle_event_failures", help: "Tries that did not reach a sink, by what went wrong.", labels: ["failure"])
  private let ended = LabelledCounter(
    "passerelle_subscriptions_ended", help: "Subscriptions that ended, by why.", labels: ["reason"])
  private let notices = LabelledCounter(
    "passerelle_subscription_notices", help: "Backends that were to be told of an end.", labels: ["outcome"])
  private let underWay = Atomic<Int>(0)
  private let deliveredCount = Atomic<UInt64>(0)

  public init() {}

  /// How many sinks have taken so far.
  public var delivered: UInt64 { deliveredCount.load(ordering: .relaxed) }

  func countReceived(_ outcome: String) { received.count(outcome) }
  func countFailure(_ failure: String) { failures.count(failure) }
  func countEnded(_ reason: String) { ended.count(reason) }
  func countNotice(_ outcome: String) { notices.count(outcome) }
  func setUnderWay(_ count: Int) { underWay.store(count, ordering: .relaxed) }

  func countOutcome(_ outcome: String) {
    outcomes.count(outcome)
    if outcome == "delivered" { deliveredCount.wrappingAdd(1, ordering: .relaxed) }
  }

  /// For a scrape. What a store does not say is left out.
  func families(_ events: any EventQueue, _ subscriptions: any SubscriptionStore, now: Timestamp) -> [MetricFamily] {
    var families = [received, outcomes, failures, ended, notices].map(\.family)
    families.append(
      .single(
        "passerelle_event_deliveries_under_way", .gauge, help: "Subscriptions that an event is being delivered for.",
        .count(UInt64(max(0, underWay.load(ordering: .relaxed))))))
    if let depths = try? events.depths() {
      families.append(
        .single("passerelle_events_waiting", .gauge, help: "Events that wait for their sinks.", .count(UInt64(depths.waiting))))
      families.append(
        .single("passerelle_events_dead", .gauge, help: "Dead letters.", .count(UInt64(depths.dead))))
      families.append(
        .single(
          "passerelle_events_oldest_seconds", .gauge, unit: "seconds", help: "For how long the oldest event waits.",
          .number(depths.oldest.map { max(0, Double(now - $0) / 1e6) } ?? 0)))
    }
    if let counts = try? subscriptions.counts() {
      var family = MetricFamily("passerelle_subscriptions", .gauge, help: "Subscriptions that are kept, by how they stand.")
      for status in SubscriptionRecord.Status.allCases {
        family.add(.count(UInt64(counts[status] ?? 0)), ("status", status.rawValue))
      }
      families.append(family)
    }
    return families
  }
}

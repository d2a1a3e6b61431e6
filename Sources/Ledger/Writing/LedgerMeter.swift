import Telemetry

/// What is counted of the writing. The writer's thread counts, any thread reads.
final class LedgerMeter: Sendable {
  private enum Place { static let (entries, batches, bytes, failures) = (0, 1, 2, 3) }

  private let counters = Counters<4>()
  private let flushes = DurationHistogram()

  func wrote(entries: UInt64, bytes: Int, nanoseconds: UInt64) {
    counters.add(entries, at: Place.entries)
    counters.add(at: Place.batches)
    counters.add(UInt64(bytes), at: Place.bytes)
    flushes.observe(nanoseconds: nanoseconds)
  }

  func failed() { counters.add(at: Place.failures) }

  var families: [MetricFamily] {
    [
      .single("passerelle_ledger_entries", .counter, help: "Entries made durable.", .count(counters.value(at: Place.entries))),
      .single(
        "passerelle_ledger_batches", .counter, help: "Batches of entries, each written and flushed at once.",
        .count(counters.value(at: Place.batches))),
      .single(
        "passerelle_ledger_failed_batches", .counter, help: "Batches that the disk did not take; nothing of them was released.",
        .count(counters.value(at: Place.failures))),
      .single(
        "passerelle_ledger_written_bytes", .counter, unit: "bytes", help: "What was written to the ledger's segments.",
        .count(counters.value(at: Place.bytes))),
      .single(
        "passerelle_ledger_flush_duration_seconds", .histogram, unit: "seconds", help: "Writing and flushing one batch.",
        .histogram(flushes.snapshot)),
    ]
  }
}

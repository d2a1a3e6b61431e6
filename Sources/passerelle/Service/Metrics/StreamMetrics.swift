import Telemetry

extension LedgerStreams {
  func metrics() -> [MetricFamily] {
    var lag = MetricFamily(
      "passerelle_ledger_stream_lag_entries", .gauge, help: "Durable entries that a stream has not sent yet.")
    var missed = MetricFamily(
      "passerelle_ledger_stream_missed_entries", .counter, help: "Entries that were gone before a stream had sent them.")
    for stream in streams {
      let state = stream.state
      lag.add(.count(state.behind), ("stream", stream.name))
      missed.add(.count(state.missed), ("stream", stream.name))
    }
    return [lag, missed]
  }
}

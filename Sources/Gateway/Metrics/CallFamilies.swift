import Telemetry

/// What the loops counted, added up and named.
struct CallFamilies {
  let names: CallMeter.Names
  let loops: [LoopMeter]
  private let rows: [(key: LoopMeter.RowKey, rows: [CallRow])]

  init(names: CallMeter.Names, loops: [LoopMeter]) {
    self.names = names
    self.loops = loops
    var rows: [LoopMeter.RowKey: [CallRow]] = [:]
    // A row that a loop made after the names were read comes with the next scrape.
    for loop in loops {
      for (key, row) in loop.allRows where key.operation < names.operations.count && key.client < names.clients.count {
        rows[key, default: []].append(row)
      }
    }
    self.rows = rows.sorted { ($0.key.operation, $0.key.client) < ($1.key.operation, $1.key.client) }
      .map { (key: $0.key, rows: $0.value) }
  }

  var all: [MetricFamily] {
    [
      calls, durations, clientDurations, upstreamDurations, refusals, brokenAnswers, unrouted, limits, decisions,
      memory(
        "passerelle_token_memory_lookups", help: "Looks for an access token among those that a loop has verified.", \.tokens),
      memory(
        "passerelle_consent_memory_lookups", help: "Looks for a consent record among those that a loop has read.", \.consents),
    ]
  }

  private func labels(_ operation: Int) -> [(name: String, value: String)] {
    let name = names.operations[operation]
    return [
      (name: "api", value: name.api), (name: "api_version", value: name.version), (name: "operation", value: name.operation),
    ]
  }

  private var calls: MetricFamily {
    var family = MetricFamily(
      "passerelle_calls", .counter, help: "Calls of API operations that were answered, by what was decided and by status.")
    for (key, rows) in rows {
      for (place, verdict) in CallRow.verdicts.enumerated() {
        for (status, name) in CallRow.statusClasses.enumerated() {
          let count = rows.reduce(0) { $0 &+ $1.outcomes.value(at: place * 4 + status) }
          guard count > 0 else { continue }
          let labels =
            labels(key.operation) + [
              (name: "client_id", value: names.clients[key.client]), (name: "decision", value: verdict.name.description),
              (name: "status_class", value: name),
            ]
          family.series.append(MetricFamily.Series(labels: labels, value: .count(count)))
        }
      }
    }
    return family
  }

  private func histogram(
    _ name: String, help: String, by group: (LoopMeter.RowKey) -> Int, of part: (CallRow) -> HistogramSnapshot,
    labels: (Int) -> [(name: String, value: String)]
  ) -> MetricFamily {
    var sums: [Int: HistogramSnapshot] = [:]
    for (key, rows) in rows { for row in rows { sums[group(key), default: HistogramSnapshot()].add(part(row)) } }
    return MetricFamily(
      name, .histogram, unit: "seconds", help: help,
      series: sums.sorted { $0.key < $1.key }.filter { $0.value.count > 0 }
        .map { MetricFamily.Series(labels: labels($0.key), value: .histogram($0.value)) })
  }

  private var durations: MetricFamily {
    histogram(
      "passerelle_call_duration_seconds", help: "From the request's complete head to its answer, the ledger's flush included.",
      by: \.operation, of: { $0.durations.snapshot }, labels: labels)
  }

  private var clientDurations: MetricFamily {
    histogram(
      "passerelle_client_call_duration_seconds", help: "The same by client, over all operations.", by: \.client,
      of: { $0.durations.snapshot }, labels: { [(name: "client_id", value: names.clients[$0])] })
  }

  private var upstreamDurations: MetricFamily {
    histogram(
      "passerelle_upstream_duration_seconds",
      help: "The backend's part of a call: waiting for a connection, sending, its complete answer or failure.", by: \.operation,
      of: { $0.upstream.snapshot }, labels: labels)
  }

  private var refusals: MetricFamily {
    var sums: [Int: [String: UInt64]] = [:]
    for loop in loops {
      for (operation, reason, count) in loop.allRefusals {
        guard let operation, operation < names.operations.count else { continue }
        sums[operation, default: [:]][reason, default: 0] &+= count
      }
    }
    var family = MetricFamily(
      "passerelle_call_refusals", .counter, help: "Calls that ended without the backend's answer, by the ledger's reason.")
    for (operation, reasons) in sums.sorted(by: { $0.key < $1.key }) {
      for (reason, count) in reasons.sorted(by: { $0.key < $1.key }) {
        family.series.append(
          MetricFamily.Series(labels: labels(operation) + [(name: "reason", value: reason)], value: .count(count)))
      }
    }
    return family
  }

  private var brokenAnswers: MetricFamily {
    var sums: [Int: UInt64] = [:]
    for loop in loops { for (operation, count) in loop.allBrokenAnswers { sums[operation, default: 0] &+= count } }
    var family = MetricFamily(
      "passerelle_answer_schema_violations", .counter,
      help: "Backends' answers that break the schema of their policy, where it says that they are checked.")
    for (operation, count) in sums.sorted(by: { $0.key < $1.key }) where operation < names.operations.count {
      family.series.append(MetricFamily.Series(labels: labels(operation), value: .count(count)))
    }
    return family
  }

  private var unrouted: MetricFamily {
    var sums: [String: UInt64] = [:]
    for loop in loops {
      for (operation, reason, count) in loop.allRefusals where operation == nil { sums[reason, default: 0] &+= count }
    }
    var family = MetricFamily(
      "passerelle_unrouted_requests", .counter, help: "Requests whose path and method lead to no operation.")
    for (reason, count) in sums.sorted(by: { $0.key < $1.key }) { family.add(.count(count), ("reason", reason)) }
    return family
  }

  private var limits: MetricFamily {
    var sums: [Int: [UInt64]] = [:]
    for (key, rows) in rows {
      for place in CallRow.limitReasons.indices {
        let count = rows.reduce(0) { $0 &+ $1.limits.value(at: place) }
        sums[key.client, default: [0, 0, 0]][place] &+= count
      }
    }
    var family = MetricFamily(
      "passerelle_limit_refusals", .counter, help: "Calls refused by a rate limit, or by the quota of a day or a month.")
    for (client, counts) in sums.sorted(by: { $0.key < $1.key }) {
      for (reason, count) in zip(CallRow.limitReasons, counts) where count > 0 {
        family.add(.count(count), ("client_id", names.clients[client]), ("limit", reason.description))
      }
    }
    return family
  }

  private var decisions: MetricFamily {
    var family = MetricFamily(
      "passerelle_consent_decisions", .counter, help: "Calls about which the decision function was asked, by what it said.")
    for (place, result) in ["permitted", "refused"].enumerated() {
      family.add(.count(loops.reduce(0) { $0 &+ $1.decisions.value(at: place) }), ("result", result))
    }
    return family
  }

  private func memory(_ name: String, help: String, _ part: (LoopMeter) -> MemoryMeter) -> MetricFamily {
    var family = MetricFamily(name, .counter, help: help)
    family.add(.count(loops.reduce(0) { $0 &+ part($1).hits }), ("result", "hit"))
    family.add(.count(loops.reduce(0) { $0 &+ part($1).misses }), ("result", "miss"))
    return family
  }
}

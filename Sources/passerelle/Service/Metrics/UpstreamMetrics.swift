import Telemetry
import Wire

/// What the pools of connections to backends tell.
enum UpstreamMetrics {
  static func families(_ upstreams: [UpstreamState]) -> [MetricFamily] {
    var waiting = MetricFamily(
      "passerelle_upstream_waiting_calls", .gauge, help: "Calls that wait for a connection to a backend.")
    var healthy = MetricFamily(
      "passerelle_upstream_target_healthy", .gauge, help: "1: gets calls; 0: is probed, ejected, or not named any more.")
    var connections = MetricFamily("passerelle_upstream_connections", .gauge, help: "Open connections to a backend.")
    var underWay = MetricFamily("passerelle_upstream_calls_under_way", .gauge, help: "Calls that wait for a backend's answer.")
    var calls = MetricFamily("passerelle_upstream_calls", .counter, help: "Calls to a backend, by what became of them.")
    var ejections = MetricFamily("passerelle_upstream_ejections", .counter, help: "How often a target was taken out.")
    for upstream in upstreams {
      waiting.add(.count(UInt64(max(0, upstream.waitingCalls))), ("upstream", upstream.name))
      for target in upstream.targets {
        let labels = [
          (name: "upstream", value: upstream.name), (name: "target", value: target.target),
          (name: "address", value: target.address),
        ]
        func series(_ count: Int, _ more: [(name: String, value: String)] = []) -> MetricFamily.Series {
          MetricFamily.Series(labels: labels + more, value: .count(UInt64(max(0, count))))
        }
        healthy.series.append(series(target.standing == .healthy ? 1 : 0))
        connections.series.append(series(target.openConnections))
        underWay.series.append(series(target.callsUnderWay))
        calls.series.append(series(target.callsAnswered, [(name: "result", value: "answered")]))
        calls.series.append(series(target.callsFailed, [(name: "result", value: "failed")]))
        calls.series.append(series(target.callsRetried, [(name: "result", value: "retried")]))
        ejections.series.append(series(target.ejections))
      }
    }
    return [waiting, healthy, connections, underWay, calls, ejections]
  }
}

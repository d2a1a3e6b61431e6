import Authorization
import Gateway
import Telemetry

/// What counts for as long as the process runs, whatever is read again meanwhile.
struct Meters: Sendable {
  let registry = MetricsRegistry()
  let calls: CallMeter
  let tokens = TokenMeter()
  let consentChanges = LabelledCounter(
    "passerelle_consent_changes", help: "Changes of consents, by what happened.", labels: ["kind"])

  init(_ configuration: Configuration.Metrics) {
    calls = CallMeter(clientsMaximum: configuration.clientsMaximum)
    registry.set("build") {
      var build = MetricFamily("passerelle_build", .info, help: "The program that runs.")
      build.add(.count(1), ("version", VersionVerb.version))
      return [build]
    }
    registry.set("calls") { [calls] in calls.families() }
    registry.set("tokens") { [tokens] in tokens.families() }
    registry.set("consents") { [consentChanges] in [consentChanges.family] }
    registry.set("process") { ProcessMetrics.families() }
  }
}

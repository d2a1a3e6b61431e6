import Telemetry

/// What is counted of tokens: how many were issued, and what was refused.
public final class TokenMeter: Sendable {
  let issued = LabelledCounter(
    "passerelle_tokens_issued", help: "Access tokens issued, by grant type.", labels: ["grant_type"])
  let refused = LabelledCounter(
    "passerelle_token_refusals", help: "Refusals of the authorization server, by flow and error code.", labels: ["flow", "error"])

  public init() {}

  /// Any thread.
  public func families() -> [MetricFamily] { [issued.family, refused.family] }
}

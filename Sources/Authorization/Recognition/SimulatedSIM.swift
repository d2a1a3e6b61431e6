import Identifiers

/// A SIM card that the demo's page offers in place of a network that recognises the subscriber. None outside the demo.
public struct SimulatedSIM: Sendable, Hashable {
  public let number: MSISDN
  /// What is special about this subscriber, for the person who tries it out.
  public let label: String

  /// Choosing a SIM stands for being on its network, so the token says network-based authentication.
  public static let amr = ["nba"]

  public init(number: MSISDN, label: String) {
    self.number = number
    self.label = label
  }
}

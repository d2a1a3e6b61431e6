import Bytes
import Identifiers
import Wire

/// What `passerelle check` learns about one of the operator's servers.
public struct AdapterHealth: Sendable, Equatable {
  /// The key of the configuration: `addressLookup`.
  public let name: String
  public let isGood: Bool
  /// `answers`, or what is wrong and what to look at.
  public let finding: String

  public init(name: String, isGood: Bool, finding: String) {
    self.name = name
    self.isGood = isGood
    self.finding = finding
  }
}

/// A request that is harmless whatever the server does with it.
public enum HealthProbe: Sendable {
  /// A look-up of somebody who cannot be: an address that no phone has, a token that nobody issued, a number of a country code that is
  /// not assigned (E.164: 999).
  case address, operatorToken, number
  /// For servers that would act on what they are sent: whether somebody is there.
  case presence

  fileprivate var body: [UInt8] {
    switch self {
    case .address: AddressLookup.body(SubscriberAddress(ip: "0.0.0.0", port: nil))
    case .operatorToken: OperatorTokenCheck.body("passerelle-check")
    case .number: NumberDirectory.body(MSISDN(e164: "+99900000000")!)
    case .presence: []
    }
  }
}

extension OperatorService {
  /// Asks the server one harmless thing; ends within two seconds.
  public func health(_ name: String, _ probe: HealthProbe) async -> AdapterHealth {
    func bad(_ finding: String) -> AdapterHealth { AdapterHealth(name: name, isGood: false, finding: finding) }
    do throws(OperatorServiceFailure) {
      if case .presence = probe {
        let status = try await options(timeoutMilliseconds: 2000).status
        switch status {
        case 401, 403: return bad(refusal(status))
        case 404: return bad("\(title) answers with status 404; is the path right?")
        // Few webhooks know this method, and say so in many ways.
        case ..<500, 501: return AdapterHealth(name: name, isGood: true, finding: "answers")
        default: return bad("\(title) answers with status \(status)")
        }
      }
      let response = try await post(probe.body, timeoutMilliseconds: 2000)
      switch response.status {
      case 404: return AdapterHealth(name: name, isGood: true, finding: "answers")
      case 200: return bad("\(title) names a subscriber for somebody who cannot be; it should answer 404")
      case 401, 403: return bad(refusal(response.status))
      default: return bad("\(title) answers with status \(response.status) where 404 was expected")
      }
    } catch { return bad(error.reason) }
  }

  private func refusal(_ status: Int) -> String {
    "\(title) refuses us with status \(status); is the file with the bearer token right?"
  }
}

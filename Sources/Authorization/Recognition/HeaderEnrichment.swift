import Identifiers
import Wire

/// Header enrichment: the operator's own proxy adds the subscriber's number to requests that come over the mobile network.
///
/// Believed from the configured proxies alone; from anywhere else the header is as if it were not there (A27, A29). Two
/// headers, or one that is not a number, are a failure: which of two is the proxy's and which the handset's cannot be told.
public struct HeaderEnrichment: SubscriberRecognition {
  public let name = "headerEnrichment"
  private let header: String
  private let trustedProxies: [AddressRange]

  /// - Parameter header: the field's name in lower case: `x-network-msisdn`.
  public init(header: String, trustedProxies: [AddressRange]) {
    self.header = header
    self.trustedProxies = trustedProxies
  }

  public func recognise(_ signal: RecognitionSignal, on loop: EventLoop) async -> RecognitionOutcome {
    guard case .browser(let request) = signal else { return .notRecognised }
    guard let peer = request.remoteAddress, trustedProxies.contains(where: { $0.contains(peer) }) else { return .notRecognised }
    let values = request.fields(header)
    guard let value = values.first else { return .notRecognised }
    guard values.count == 1 else { return .failed(reason: "the enrichment header stands there more than once") }
    guard let number = MSISDN(e164: value) else { return .failed(reason: "the enrichment header is not a number") }
    return .recognised(number, amr: ["nba"])
  }
}

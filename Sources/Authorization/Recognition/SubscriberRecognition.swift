import Identifiers
import Wire

/// One way of telling from a browser's request which subscriber holds the device, without asking them (profile item 9).
///
/// Adapters are asked in order until one recognises or fails; a failure ends the search, so that a broken or forged signal is
/// never made good by a weaker one.
public protocol SubscriberRecognition: Sendable {
  /// How the subscriber was recognised, as the token says it in `amr` (RFC 8176; profile items 9 and 20): `nba`.
  var name: String { get }
  /// Runs on the request's loop; must end within a bounded time.
  func recognise(_ request: HTTPRequest) async -> RecognitionOutcome
}

public enum RecognitionOutcome: Sendable, Equatable {
  case recognised(MSISDN, amr: [String])
  /// Nothing to go by here; the next adapter may know.
  case notRecognised
  /// A signal was there and is wrong, or could not be checked. The reason holds no personal data.
  case failed(reason: String)
}

extension [any SubscriberRecognition] {
  /// The first answer that is not `notRecognised`.
  func recognise(_ request: HTTPRequest) async -> RecognitionOutcome {
    for adapter in self {
      let outcome = await adapter.recognise(request)
      if outcome != .notRecognised { return outcome }
    }
    return .notRecognised
  }
}

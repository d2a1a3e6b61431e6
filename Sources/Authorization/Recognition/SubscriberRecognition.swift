import Identifiers
import Wire

/// What there is to go by.
public enum RecognitionSignal: Sendable {
  /// A browser's request, which came over the operator's network or did not (profile item 9).
  case browser(HTTPRequest)
  /// What a client says of the subscriber (profile items 34 to 36).
  case hint(LoginHint)
}

/// One way of telling who the subscriber is, without asking them.
///
/// Adapters are asked in order until one recognises or fails; a failure ends the search, so that a broken or forged signal is
/// never made good by a weaker one.
public protocol SubscriberRecognition: Sendable {
  /// What it is called in configuration and messages: `headerEnrichment`.
  var name: String { get }
  /// Runs on the request's loop; ends within a bounded time.
  func recognise(_ signal: RecognitionSignal, on loop: EventLoop) async -> RecognitionOutcome
}

public enum RecognitionOutcome: Sendable, Equatable {
  /// With how they were recognised, as the token says it in `amr` (RFC 8176; profile items 9 and 20): `nba`.
  case recognised(MSISDN, amr: [String])
  /// Nothing to go by here, or nobody known by it; the next adapter may know.
  case notRecognised
  /// A signal was there and is wrong, or could not be checked. The reason is a sentence that a client may read, without personal data.
  case failed(reason: String)
}

extension [any SubscriberRecognition] {
  /// The first answer that is not `notRecognised`.
  func recognise(_ signal: RecognitionSignal, on loop: EventLoop) async -> RecognitionOutcome {
    for adapter in self {
      let outcome = await adapter.recognise(signal, on: loop)
      if outcome != .notRecognised { return outcome }
    }
    return .notRecognised
  }
}

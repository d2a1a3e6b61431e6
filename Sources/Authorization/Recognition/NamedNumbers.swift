import Identifiers
import Wire

/// A number that a client names is taken for a subscriber's. For where no directory says who is one; the number proves nothing about
/// who holds the phone, so the token says nothing either.
public struct NamedNumbers: SubscriberRecognition {
  public let name = "namedNumbers"

  public init() {}

  public func recognise(_ signal: RecognitionSignal, on loop: EventLoop) async -> RecognitionOutcome {
    guard case .hint(.number(let number)) = signal else { return .notRecognised }
    return .recognised(number, amr: [])
  }
}

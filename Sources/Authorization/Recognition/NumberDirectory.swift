import Bytes
import Identifiers
import Wire

/// Asks the operator whether a number that a client names, or a person types, is a subscriber of its own. It takes the place of
/// `NamedNumbers`.
///
/// `POST {"phoneNumber": "+33..."}`; the answer names the same number. It says nothing of who holds the phone, so the token says
/// nothing either.
public struct NumberDirectory: SubscriberRecognition {
  public let name = "numberDirectory"
  private let service: OperatorService

  public init(service: OperatorService) { self.service = service }

  public func recognise(_ signal: RecognitionSignal, on loop: EventLoop) async -> RecognitionOutcome {
    guard case .hint(.number(let number)) = signal else { return .notRecognised }
    return await SubscriberAnswer.outcome(service, Self.body(number), amr: []) { $0 == number }
  }

  static func body(_ number: MSISDN) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.field("phoneNumber", number.e164)
    json.endObject()
    return json.bytes
  }
}

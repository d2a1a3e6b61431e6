import Bytes
import Wire

/// Has the operator's entitlement server validate a temporary token (TS.43), which it alone can read (profile item 36).
///
/// `POST {"operatorToken": "..."}`.
public struct OperatorTokenCheck: SubscriberRecognition {
  public let name = "operatorToken"
  /// The entitlement server gave the token to a phone whose SIM card had proven its key (EAP-AKA); the SIM is the smart card of RFC
  /// 8176 §2. Profile item 20 lets SIM-based authentication count beside the network's.
  static let amr = ["sc"]
  private let service: OperatorService

  public init(service: OperatorService) { self.service = service }

  public func recognise(_ signal: RecognitionSignal, on loop: EventLoop) async -> RecognitionOutcome {
    guard case .hint(.operatorToken(let token)) = signal else { return .notRecognised }
    return await SubscriberAnswer.outcome(service, Self.body(token), amr: Self.amr)
  }

  static func body(_ token: String) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.field("operatorToken", token)
    json.endObject()
    return json.bytes
  }
}

import Bytes
import Identifiers
import Wire

/// What one of the operator's look-ups says: 200 with `{"phoneNumber": "+33..."}` is a subscriber, 404 is none, and anything else is
/// no answer.
enum SubscriberAnswer {
  /// The subscriber; nil when there is none.
  static func ask(_ service: OperatorService, _ body: [UInt8]) async throws(OperatorServiceFailure) -> MSISDN? {
    let response = try await service.post(body)
    switch response.status {
    case 404: return nil
    case 200:
      guard let root = try? JSONDocument(response.body).root, let number = root["phoneNumber"]?.string.flatMap(MSISDN.init(e164:))
      else { throw OperatorServiceFailure(service.title, "answers what cannot be read") }
      return number
    default: throw OperatorServiceFailure(service.title, unexpected: response.status)
    }
  }

  /// The same as an adapter's outcome.
  static func outcome(
    _ service: OperatorService, _ body: [UInt8], amr: [String], accepts isRight: (MSISDN) -> Bool = { _ in true }
  ) async -> RecognitionOutcome {
    do throws(OperatorServiceFailure) {
      guard let number = try await ask(service, body) else { return .notRecognised }
      guard isRight(number) else { return .failed(reason: "\(service.title) answers about another subscriber") }
      return .recognised(number, amr: amr)
    } catch { return .failed(reason: error.sentence) }
  }
}

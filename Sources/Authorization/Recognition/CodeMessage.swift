import Bytes
import Identifiers

/// Sends a one-time code over a webhook of the operator's, which makes an SMS of it. Sends what the operator allows and nothing else.
public struct CodeMessage: Sendable {
  /// What may be sent.
  public enum Field: String, Sendable, CaseIterable {
    case phoneNumber
    /// What the SMS says, with the code, in the person's language.
    case text
    /// Of the text: `fr`.
    case language
    /// The code alone, for who has texts of their own.
    case code

    public static let usual: Set<Field> = [.phoneNumber, .text, .language]
  }

  private let service: OperatorService
  private let allowed: Set<Field>

  public init(service: OperatorService, allowed: Set<Field> = Field.usual) {
    self.service = service
    self.allowed = allowed
  }

  func send(_ code: String, to number: MSISDN, text: String, language: String) async throws(OperatorServiceFailure) {
    var message = MessageFields(allowed: allowed)
    message.add(.phoneNumber, number.e164)
    message.add(.text, text)
    message.add(.language, language)
    message.add(.code, code)
    try await service.deliver(message.end())
  }
}

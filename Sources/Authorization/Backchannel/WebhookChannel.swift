import Bytes

/// Brings a question to its subscriber over a webhook of the operator's, which makes a push message or an SMS of it.
///
/// Sends what the operator allows and nothing else. Who has the link can answer, once: the webhook is as trusted as the SMS.
public struct WebhookChannel: SubscriberChannel {
  /// What may be sent.
  public enum Field: String, Sendable, CaseIterable {
    case phoneNumber
    /// The page on which the question is answered.
    case link
    case clientName
    /// As in the scope: `dpv:FraudPreventionAndDetection`.
    case purpose
    /// Seconds that are left to answer.
    case expiresIn
    /// The primary language that the client asked for; English when it did not.
    case language

    public static let usual: Set<Field> = [.phoneNumber, .link, .expiresIn]
  }

  private let service: OperatorService
  private let allowed: Set<Field>
  private let time: any TimeSource

  public init(service: OperatorService, allowed: Set<Field> = Field.usual, time: any TimeSource) {
    self.service = service
    self.allowed = allowed
    self.time = time
  }

  public func ask(_ question: SubscriberQuestion) async throws(SubscriberChannelFailure) {
    var message = MessageFields(allowed: allowed)
    message.add(.phoneNumber, question.number.e164)
    message.add(.link, question.address)
    message.add(.clientName, question.clientName)
    message.add(.purpose, question.purpose.rawValue)
    message.add(.expiresIn, max(0, Int(question.expiresAt.seconds - time.now().seconds)))
    message.add(.language, question.languages.first ?? "en")
    do throws(OperatorServiceFailure) { try await service.deliver(message.end()) } catch {
      throw SubscriberChannelFailure(reason: error.sentence)
    }
  }
}

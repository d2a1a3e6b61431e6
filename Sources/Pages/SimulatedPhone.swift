import Authorization
import Bytes
import Identifiers
import Synchronization

/// The phones of the demo's subscribers: the way by which a backchannel question reaches them there. In memory; a restart forgets what
/// waited, as a phone that was off would.
public final class SimulatedPhone: SubscriberChannel {
  /// Older questions make way for newer ones.
  static let questionsMaximum = 1000

  private let waiting = Mutex<[SubscriberQuestion]>([])

  public init() {}

  public func ask(_ question: SubscriberQuestion) async throws(SubscriberChannelFailure) {
    waiting.withLock { waiting in
      if waiting.count >= Self.questionsMaximum { waiting.removeFirst() }
      waiting.append(question)
    }
  }

  /// The handles of what waits for a subscriber, newest first.
  func handles(for number: MSISDN, now: Timestamp) -> [String] {
    waiting.withLock { waiting in
      waiting.removeAll { $0.expiresAt <= now }
      return waiting.filter { $0.number == number }.reversed().map(\.handle)
    }
  }

  /// It was answered, or cannot be any more.
  func forget(_ handle: String) { waiting.withLock { $0.removeAll { $0.handle == handle } } }
}

import Bytes
import Synchronization

/// How phones differ from the data file since somebody changed them. Safe from all threads.
final class PhoneStates: Sendable {
  private let changes = Mutex<[String: PhoneChange]>([:])

  /// The subscriber as they are now.
  func current(_ subscriber: SimulatedSubscriber) -> SimulatedSubscriber {
    changes.withLock { $0[subscriber.phoneNumber.e164] }?.applied(to: subscriber) ?? subscriber
  }

  func change(_ number: String, _ change: PhoneChange) {
    changes.withLock { $0[number] = $0[number]?.followed(by: change) ?? change }
  }

  /// As the data file says again.
  func restore(_ number: String) { changes.withLock { $0[number] = nil } }

  func forget() { changes.withLock { $0 = [:] } }
}

import Synchronization

/// What is wrong with something that is tried again and again: told once for each reason, and once when nothing is wrong any more. Safe
/// from any thread.
final class Complaint: Sendable {
  private let current = Mutex<String?>(nil)
  private let told: @Sendable (_ fault: String?) -> Void

  /// - Parameter told: on the thread that notes it.
  init(told: @escaping @Sendable (_ fault: String?) -> Void) { self.told = told }

  var fault: String? { current.withLock { $0 } }

  func note(_ fault: String?) {
    let isNews = current.withLock { current in
      defer { current = fault }
      return current != fault
    }
    if isNews { told(fault) }
  }
}

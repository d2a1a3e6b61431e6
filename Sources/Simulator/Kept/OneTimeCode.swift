import Bytes
import JOSE

/// A code that went out by SMS and waits to be said back (one-time-password-sms).
struct OneTimeCode: Resource {
  let id = Random.uuid()
  let number: String
  let code = ShortMessage.code()
  let sent: Timestamp
  var wrongCodes = 0
  var progress: Progress

  init(to number: String, validSeconds: Int, at now: Timestamp) {
    self.number = number
    sent = now
    progress = Progress("WAITING", since: now, plan: [.init(time: now.adding(seconds: Int64(validSeconds)), status: "EXPIRED")])
  }

  static let keptSeconds = 3600
  var isOver: Bool { progress.status != "WAITING" }
}

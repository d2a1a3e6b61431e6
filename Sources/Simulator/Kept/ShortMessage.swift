import Bytes
import JOSE

/// An SMS that the simulated operator has sent: it lies at `GET /simulator/messages`, for there is no phone.
struct ShortMessage: Resource {
  let id = Random.uuid()
  let number: String
  let text: String
  var progress: Progress

  init(to number: String, _ text: String, at now: Timestamp) {
    self.number = number
    self.text = text
    progress = Progress("SENT", since: now)
  }

  static let keptSeconds = 86_400
  var isOver: Bool { true }

  var json: JSON { ["phoneNumber": .string(number), "text": .string(text), "time": .time(progress.since)] }

  /// Six digits that nobody can foresee.
  static func code() -> String {
    let number = Random.bytes(4).reduce(0) { $0 << 8 | Int($1) } % 1_000_000
    let digits = String(number)
    return String(repeating: "0", count: 6 - digits.count) + digits
  }
}

import Bytes
import JOSE

/// A device that can be called (webrtc-registration).
struct CallRegistration: Resource {
  let id: String
  let deviceID: String
  /// Nil when nobody said whose it is.
  let number: String?
  var progress: Progress

  init(_ deviceID: String, number: String?, until end: Timestamp, at now: Timestamp) {
    id = Random.uuid()
    self.deviceID = deviceID
    self.number = number
    progress = Progress("Registered", since: now, plan: [.init(time: end, status: "Ended")])
  }

  static let keptSeconds = 0
  var isOver: Bool { progress.status == "Ended" }

  var json: JSON {
    [
      "regInfo": ["phoneNumber": number.map(JSON.string), "regStatus": .string("Registered")], "registrationId": .string(id),
      "expiresAt": progress.plan.first.map { .time($0.time) },
    ]
  }
}

/// A call between two (webrtc-call-handling).
struct MediaSession: Resource {
  let id = Random.uuid()
  /// Of who calls.
  let registration: String
  /// What was said of it last, without what the session itself knows.
  var members: [String: JSON]
  /// What the other side answers when it takes the call; nil when nothing was offered.
  let answer: JSON?
  var progress: Progress

  static let keptSeconds = 3600
  var isOver: Bool { Self.ends.contains(progress.status) }

  static let ends: Set = ["Terminated", "SessionCancelled", "Declined", "Failed", "NoAnswer", "NotReachable", "Busy"]
  static let states =
    ["Initial", "InProgress", "Ringing", "Proceeding", "Connected", "Hold", "Resume", "Waiting"] + ends.sorted()

  /// What a client may say of a session.
  static let names = [
    "originatorAddress", "originatorName", "receiverAddress", "receiverName", "offer", "answer", "clientCorrelator",
    "callObjectRef",
    "serverCorrelator", "offerRequired", "reason", "sequenceNumber",
  ]

  var json: JSON {
    shown(as: progress.status)
  }

  /// As it was in one of its states.
  func shown(as status: String) -> JSON {
    var shown = members
    if status == "Connected", shown["answer"] == nil { shown["answer"] = answer }
    let said = Self.names.compactMap { name in shown[name].map { JSON.Member(name: name, value: $0) } }
    return .object(said).adding(["status": .string(status), "mediaSessionId": .string(id)])
  }
}

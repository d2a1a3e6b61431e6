import Bytes
import JOSE

/// A client's wish to be told of events (all `-subscriptions` APIs, webrtc-events).
struct Subscription: Resource {
  /// What is asked for, and of whom.
  struct Request: Sendable {
    let api: String
    /// Nil where the events are about no subscriber.
    let number: String?
    let sink: EventSink
    let types: [String]
    /// As it was asked for, with one identifier of the device.
    let config: JSON
    /// What events repeat of the request: `device` only when it was named there.
    let about: JSON
    /// Of a geofence.
    let area: Circle?
    /// Of a call or a registration for calls.
    let registration: String?
    let session: String?
    let expires: Timestamp?
    /// Nil for any number of events.
    let eventsMaximum: Int?
    let wantsInitialEvent: Bool
  }

  let id = Random.uuid()
  let request: Request
  let created: Timestamp
  let starts: Timestamp
  var progress: Progress
  /// What of the subscriber's phone was known when the last event was looked for.
  var seen: PhoneView?
  var owesInitialEvent: Bool
  private var eventCount = 0

  init(_ request: Request, seen: PhoneView?, activationSeconds: Int, at now: Timestamp) {
    self.request = request
    self.seen = seen
    created = now
    owesInitialEvent = request.wantsInitialEvent
    let starts = now.adding(seconds: Int64(activationSeconds))
    self.starts = starts
    var end: [Progress.Step] = []
    if let expires = request.expires {
      end.append(.init(time: max(expires, starts), status: "EXPIRED", reason: "SUBSCRIPTION_EXPIRED"))
    }
    if let closes = request.sink.closes {
      end.append(.init(time: max(closes, starts), status: "EXPIRED", reason: "ACCESS_TOKEN_EXPIRED"))
    }
    // Whichever comes first.
    let first = end.min { $0.time < $1.time }.map { [$0] } ?? []
    progress = Progress("ACTIVATION_REQUESTED", since: now, plan: [.init(time: starts, status: "ACTIVE")] + first)
  }

  static let keptSeconds = 3600
  var isOver: Bool { progress.status == "EXPIRED" }
  var isActive: Bool { progress.status == "ACTIVE" }

  /// The full type of a kind of event, such as `roaming-on`.
  func type(_ kind: String) -> String { "org.camaraproject.\(request.api).v0.\(kind)" }

  /// Counts an event that is no event of the subscription's own life; the last one ends it.
  mutating func count(at now: Timestamp) {
    eventCount += 1
    if let maximum = request.eventsMaximum, eventCount >= maximum {
      progress.move(to: "EXPIRED", at: now, reason: "MAX_EVENTS_REACHED")
    }
  }

  var json: JSON {
    [
      "id": .string(id), "protocol": .string("HTTP"), "sink": .string(request.sink.text), "types": .strings(request.types),
      "config": request.config, "startsAt": .time(starts), "expiresAt": request.expires.map(JSON.time),
      "status": .string(progress.status),
    ]
  }
}

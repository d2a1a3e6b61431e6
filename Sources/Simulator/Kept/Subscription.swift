import Bytes
import JOSE

/// A client's wish to be told of events (all `-subscriptions` APIs, webrtc-events).
///
/// Nothing is sent yet. Who sends, finds here where to (`sink`), what of (`types`), about whom (`number`), and until when; the credential
/// of the sink is not kept.
struct Subscription: Resource {
  let id = Random.uuid()
  let api: String
  /// Nil where the events are about no subscriber.
  let number: String?
  let sink: String
  let types: [String]
  /// As it was asked for, with one identifier of the device.
  let config: JSON
  let starts: Timestamp
  let expires: Timestamp?
  var progress: Progress

  init(
    _ api: String, number: String?, sink: String, types: [String], config: JSON, expires: Timestamp?, activationSeconds: Int,
    at now: Timestamp
  ) {
    self.api = api
    self.number = number
    self.sink = sink
    self.types = types
    self.config = config
    self.expires = expires
    let starts = now.adding(seconds: Int64(activationSeconds))
    self.starts = starts
    let end = expires.map { [Progress.Step(time: max($0, starts), status: "EXPIRED")] } ?? []
    progress = Progress("ACTIVATION_REQUESTED", since: now, plan: [.init(time: starts, status: "ACTIVE")] + end)
  }

  static let keptSeconds = 3600
  var isOver: Bool { progress.status == "EXPIRED" }

  var json: JSON {
    [
      "id": .string(id), "protocol": .string("HTTP"), "sink": .string(sink), "types": .strings(types), "config": config,
      "startsAt": .time(starts), "expiresAt": expires.map(JSON.time), "status": .string(progress.status),
    ]
  }
}

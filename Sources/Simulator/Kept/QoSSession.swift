import Bytes
import JOSE

/// A flow between a phone and a server that the network treats better for a while (quality-on-demand).
struct QoSSession: Resource {
  let id = Random.uuid()
  let number: String
  /// What the request said of flow, profile and sink, as it said it.
  let request: JSON
  let sink: EventSink?
  /// Server and ports: two sessions of a phone may not have the same.
  let flow: [JSON?]
  let profile: QoSProfile
  var durationSeconds: Int
  private(set) var started: Timestamp?
  var progress: Progress

  init(
    _ number: String, _ profile: QoSProfile, durationSeconds: Int, request: JSON, sink: EventSink? = nil, flow: [JSON?],
    fails: Bool, at now: Timestamp
  ) {
    self.number = number
    self.profile = profile
    self.durationSeconds = durationSeconds
    self.request = request
    self.sink = sink
    self.flow = flow
    let ready = now.adding(seconds: Int64(fails ? max(1, profile.provisioningSeconds) : profile.provisioningSeconds))
    if fails {
      progress = Progress(
        "REQUESTED", since: now, plan: [.init(time: ready, status: "UNAVAILABLE", reason: "NETWORK_TERMINATED")])
    } else {
      started = ready
      progress = Progress(
        "REQUESTED", since: now,
        plan: [.init(time: ready, status: "AVAILABLE"), Self.end(of: ready, durationSeconds)])
    }
  }

  /// Not before 360 s after its end, say both APIs of quality.
  static let keptSeconds = 360
  var isOver: Bool { progress.status == "UNAVAILABLE" }

  private static func end(of started: Timestamp, _ seconds: Int) -> Progress.Step {
    .init(time: started.adding(seconds: Int64(seconds)), status: "UNAVAILABLE", reason: "DURATION_EXPIRED")
  }

  /// - Throws: 409 unless it is `AVAILABLE`.
  mutating func extend(seconds: Int) throws(BackendError) {
    guard progress.status == "AVAILABLE", let started else {
      throw BackendError(
        409, "QUALITY_ON_DEMAND.SESSION_EXTENSION_NOT_ALLOWED",
        "Extending the session duration is not allowed in the current state (\(progress.status)). The session must be in the AVAILABLE state."
      )
    }
    // The profile's own maximum holds for all of it.
    durationSeconds = min(durationSeconds + min(seconds, profile.durationSecondsMaximum), profile.durationSecondsMaximum)
    progress.replan([Self.end(of: started, durationSeconds)])
  }

  var json: JSON {
    let isRequested = progress.status == "REQUESTED"
    let begin = isRequested ? nil : started
    let end = progress.status == "AVAILABLE" ? progress.plan.first?.time : isRequested ? nil : progress.since
    var seconds = durationSeconds
    if isOver { seconds = begin.map { max(1, Int((progress.since - $0) / 1_000_000)) } ?? 1 }
    return request.adding([
      "sessionId": .string(id), "duration": .integer(seconds), "startedAt": begin.map(JSON.time), "expiresAt": end.map(JSON.time),
      "qosStatus": .string(progress.status), "statusInfo": progress.reason.map(JSON.string),
    ])
  }
}

/// A quality that a phone has until it is taken away (qos-provisioning).
struct QoSAssignment: Resource {
  let id = Random.uuid()
  let number: String
  let request: JSON
  let sink: EventSink?
  var progress: Progress

  init(
    _ number: String, _ profile: QoSProfile, request: JSON, sink: EventSink? = nil, fails: Bool, at now: Timestamp
  ) {
    self.number = number
    self.request = request
    self.sink = sink
    let ready = now.adding(seconds: Int64(fails ? max(1, profile.provisioningSeconds) : profile.provisioningSeconds))
    progress = Progress(
      "REQUESTED", since: now,
      plan: [
        .init(time: ready, status: fails ? "UNAVAILABLE" : "AVAILABLE", reason: fails ? "NETWORK_TERMINATED" : nil)
      ])
  }

  static let keptSeconds = 360
  var isOver: Bool { progress.status == "UNAVAILABLE" }

  var json: JSON {
    request.adding([
      "assignmentId": .string(id), "startedAt": progress.status == "AVAILABLE" ? .time(progress.since) : nil,
      "status": .string(progress.status), "statusInfo": progress.reason.map(JSON.string),
    ])
  }
}

import Bytes

/// Better treatment by the network: quality-on-demand, qos-provisioning, qos-profiles.
enum Quality {
  static let apis = [
    SimulatedAPI(
      "quality-on-demand", "/quality-on-demand/v1",
      [
        .post("/sessions", "createSession", createSession),
        .get("/sessions/{sessionId}", "getSession") { call throws(BackendError) in
          .ok(try call.kept.sessions.find(call.uuid("sessionId"), at: call.now).json)
        },
        .delete("/sessions/{sessionId}", "deleteSession") { call throws(BackendError) in
          try call.kept.sessions.remove(call.uuid("sessionId"), at: call.now)
          return .noContent
        },
        .post("/sessions/{sessionId}/extend", "extendQosSessionDuration", extend),
        .post("/retrieve-sessions", "retrieveSessionsByDevice") { call throws(BackendError) in
          let number = try call.device(in: call.body()).phoneNumber.e164
          return .ok(.array(call.kept.sessions.all(at: call.now).filter { $0.number == number }.map(\.json)))
        },
      ]),
    SimulatedAPI(
      "qos-provisioning", "/qos-provisioning/v0.3",
      [
        .post("/qos-assignments", "createQosAssignment", assign),
        .get("/qos-assignments/{assignmentId}", "getQosAssignmentById") { call throws(BackendError) in
          .ok(try call.kept.assignments.find(call.uuid("assignmentId"), at: call.now).json)
        },
        .delete("/qos-assignments/{assignmentId}", "revokeQosAssignment", revoke),
        .post("/retrieve-qos-assignment", "getQosAssignmentByDevice") { call throws(BackendError) in
          let number = try call.device(in: call.body()).phoneNumber.e164
          guard let assignment = call.kept.assignments.all(at: call.now).first(where: { $0.number == number }) else {
            throw .notFound
          }
          return .ok(assignment.json)
        },
      ]),
    SimulatedAPI(
      "qos-profiles", "/qos-profiles/v1",
      [
        .post("/retrieve-qos-profiles", "retrieveQoSProfiles", profiles),
        .get("/qos-profiles/{name}", "getQosProfile") { call throws(BackendError) in
          guard let profile = call.data.qosProfile(call.parameter("name")) else { throw .notFound }
          return .ok(profile.published)
        },
      ]),
  ]

  private static func createSession(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let server = try body.object("applicationServer")
    guard server["ipv4Address"] != nil || server["ipv6Address"] != nil else {
      throw .invalidArgument("applicationServer wants ipv4Address or ipv6Address.")
    }
    let seconds = try body.integer("duration", in: 1...Int(Int32.max), beyond: BackendError.invalidArgument)
    let sink = try body.eventSink()
    let request = echo(body, ["applicationServer", "devicePorts", "applicationServerPorts", "qosProfile", "sink"])
    let subscriber = try call.device(in: body)
    let profile = try profile(body, "QUALITY_ON_DEMAND", call)
    guard seconds <= profile.durationSecondsMaximum else {
      throw BackendError(
        400, "QUALITY_ON_DEMAND.DURATION_OUT_OF_RANGE",
        "The requested duration is out of the allowed range for the specific QoS profile")
    }
    let session = QoSSession(
      subscriber.phoneNumber.e164, profile, durationSeconds: seconds, request: device(call).adding(request),
      sink: sink, flow: ["applicationServer", "devicePorts", "applicationServerPorts"].map { body.echo($0) },
      fails: profile.fails || !isOnline(subscriber, call), at: call.now)
    try call.kept.sessions.add(session, at: call.now) { others throws(BackendError) in
      guard !others.contains(where: { $0.number == session.number && $0.flow == session.flow }) else {
        throw BackendError(409, "CONFLICT", "Conflict with an existing session for the same device.")
      }
    }
    return Answer(201, session.json)
  }

  private static func extend(_ call: Call) throws(BackendError) -> Answer {
    let seconds = try call.body().integer(
      "requestedAdditionalDuration", in: 1...Int(Int32.max), beyond: BackendError.invalidArgument)
    let id = try call.uuid("sessionId")
    return .ok(
      try call.kept.sessions.update(id, at: call.now) { session throws(BackendError) in try session.extend(seconds: seconds) }
        .json)
  }

  private static func assign(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let sink = try body.eventSink()
    let request = echo(body, ["qosProfile", "sink"])
    let subscriber = try call.device(in: body)
    let profile = try profile(body, "QOS_PROVISIONING", call)
    let assignment = QoSAssignment(
      subscriber.phoneNumber.e164, profile, request: device(call).adding(request), sink: sink,
      fails: profile.fails || !isOnline(subscriber, call),
      at: call.now)
    try call.kept.assignments.add(assignment, at: call.now) { others throws(BackendError) in
      guard !others.contains(where: { $0.number == assignment.number }) else {
        throw BackendError(409, "CONFLICT", "Another assignment exists for the same device")
      }
    }
    return Answer(201, assignment.json)
  }

  /// What the network is still setting up takes a moment to take away: 202.
  private static func revoke(_ call: Call) throws(BackendError) -> Answer {
    let assignment = try call.kept.assignments.remove(call.uuid("assignmentId"), at: call.now)
    return assignment.progress.status == "REQUESTED" ? Answer(202, assignment.json) : .noContent
  }

  private static func profiles(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let name = try body.optionalString("name", length: 3...256)
    let status = try body.optionalChoice("status", of: ["ACTIVE", "INACTIVE", "DEPRECATED"])
    // A device can have what is sold now.
    let isForDevice = try call.optionalDevice(in: body) != nil
    let profiles = call.data.qosProfiles.filter { profile in
      (name ?? profile.name) == profile.name && (status ?? profile.status) == profile.status
        && (!isForDevice || profile.status == "ACTIVE")
    }
    return .ok(.array(profiles.map(\.published)))
  }

  /// The members of the request that the answer repeats; never the credential of the sink.
  private static func echo(_ body: RequestBody, _ names: [String]) -> JSON {
    .object(names.compactMap { name in body.echo(name).map { JSON.Member(name: name, value: $0) } })
  }

  private static func device(_ call: Call) -> JSON { ["device": call.namedDevice] }

  private static func isOnline(_ subscriber: SimulatedSubscriber, _ call: Call) -> Bool {
    subscriber.network.state(at: call.now).state.connectivity.contains("DATA")
  }

  private static func profile(_ body: RequestBody, _ api: String, _ call: Call) throws(BackendError) -> QoSProfile {
    guard let profile = call.data.qosProfile(try body.string("qosProfile")) else {
      throw .invalidArgument("There is no such qosProfile.")
    }
    guard profile.status == "ACTIVE" else {
      throw BackendError(422, api + ".QOS_PROFILE_NOT_APPLICABLE", "The requested QoS Profile is currently not available.")
    }
    return profile
  }
}

extension Call {
  /// A parameter of the path that is a UUID.
  func uuid(_ name: String) throws(BackendError) -> String {
    let text = parameter(name).lowercased()
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [8, 4, 4, 4, 12], parts.joined().utf8.allSatisfy({ Hex.value($0) != nil }) else {
      throw .invalidArgument("\(name) wants a UUID.")
    }
    return text
  }
}

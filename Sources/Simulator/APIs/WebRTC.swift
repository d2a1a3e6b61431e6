import Bytes

/// Calls from a browser: webrtc-registration and webrtc-call-handling. Its events are among `Subscriptions`.
enum WebRTC {
  static let apis = [
    SimulatedAPI(
      "webrtc-registration", "/webrtc-registration/v0.3",
      [
        .post("/sessions", "createRegistration", register),
        .put("/sessions/{registrationId}", "updateRegistrationById", renew),
        .delete("/sessions/{registrationId}", "deleteRegistrationById") { call throws(BackendError) in
          try call.kept.registrations.remove(call.parameter("registrationId"), at: call.now)
          return .noContent
        },
      ]),
    SimulatedAPI(
      "webrtc-call-handling", "/webrtc-call-handling/v0.3",
      [
        .post("/sessions", "createSession", begin),
        .get("/sessions/{mediaSessionId}", "getSessionDetailsById") { call throws(BackendError) in
          .ok(try call.kept.calls.find(call.parameter("mediaSessionId"), at: call.now).json)
        },
        .delete("/sessions/{mediaSessionId}", "deleteSessionById") { call throws(BackendError) in
          try call.kept.calls.remove(call.parameter("mediaSessionId"), at: call.now)
          return .noContent
        },
        .put("/sessions/{mediaSessionId}/status", "updateSessionStatus", change),
      ]),
  ]

  /// These APIs name nobody in a body, and have no 404 or 422 for who cannot be served.
  private static let errors = Call.SubjectErrors(
    unknown: BackendError(403, "PERMISSION_DENIED", "Client does not have sufficient permissions to perform this action."),
    notApplicable: BackendError(403, "PERMISSION_DENIED", "Client does not have sufficient permissions to perform this action."))

  private static func register(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let device = try body.string("deviceId")
    let end = try end(body, call)
    let subscriber = try call.namedByGateway(errors)
    // A device has one registration: a new one takes the place of the old.
    for old in call.kept.registrations.all(at: call.now) where old.deviceID == device {
      try call.kept.registrations.remove(old.id, at: call.now)
    }
    let registration = CallRegistration(device, number: subscriber?.phoneNumber.e164, until: end, at: call.now)
    try call.kept.registrations.add(registration, at: call.now)
    return .ok(registration.json)
  }

  private static func renew(_ call: Call) throws(BackendError) -> Answer {
    let end = try end(call.body(isOptional: true), call)
    let registration = try call.kept.registrations.update(call.parameter("registrationId"), at: call.now) { registration in
      registration.progress.replan([.init(time: end, status: "Ended")])
    }
    return .ok(registration.json)
  }

  /// What was asked for, but not longer than the operator allows.
  private static func end(_ body: RequestBody, _ call: Call) throws(BackendError) -> Timestamp {
    let longest = call.now.adding(seconds: Int64(call.data.settings.registrationSeconds))
    guard let wanted = try body.optionalTime("registrationExpireTime") else { return longest }
    guard wanted > call.now else { throw .outOfRange("registrationExpireTime is in the past.") }
    return min(wanted, longest)
  }

  private static func begin(_ call: Call) throws(BackendError) -> Answer {
    guard let registration = call.request.field("registrationid") else { throw .invalidArgument("registrationId is missing.") }
    guard (try? call.kept.registrations.find(registration, at: call.now)) != nil else {
      throw .invalidArgument("There is no such registrationId.")
    }
    let body = try call.body()
    let members = try members(body)
    for name in ["originatorAddress", "receiverAddress"] where body[name] != nil { try checkAddress(body.string(name)) }
    let hasOffer = body["offer"] != nil
    let session = MediaSession(
      registration: registration, members: members,
      answer: hasOffer ? ["sdp": .string("v=0\r\no=- 0 0 IN IP4 192.0.2.200\r\ns=-\r\nt=0 0\r\n")] : nil,
      progress: progress(to: body["receiverAddress"]?.string, call))
    try call.kept.calls.add(session, at: call.now)
    return Answer(201, session.json)
  }

  /// It rings after a second and is taken after three more; who is switched off is not reached.
  private static func progress(to receiver: String?, _ call: Call) -> Progress {
    let callee = receiver.flatMap { $0.hasPrefix("tel:") ? call.data.subscriber(String($0.dropFirst(4))) : nil }
    let isReached = callee.map { call.kept.phones.current($0).network.state(at: call.now).state.isReachable } ?? true
    func step(_ seconds: Int64, _ status: String) -> Progress.Step {
      .init(time: call.now.adding(seconds: seconds), status: status)
    }
    return Progress(
      "Initial", since: call.now, plan: isReached ? [step(1, "Ringing"), step(4, "Connected")] : [step(1, "NotReachable")])
  }

  private static func change(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let status = try body.optionalChoice("status", of: MediaSession.states)
    let members = try members(body)
    let session = try call.kept.calls.update(call.parameter("mediaSessionId"), at: call.now) { session in
      session.members.merge(members) { _, new in new }
      if let status { session.progress.move(to: status, at: call.now) }
    }
    return .ok(session.json)
  }

  private static func members(_ body: RequestBody) throws(BackendError) -> [String: JSON] {
    for name in MediaSession.names {
      switch name {
      case "offer", "answer": _ = try body.optionalObject(name)?.optionalString("sdp", length: 0...65_536)
      case "offerRequired": _ = try body.boolean(name)
      case "sequenceNumber": _ = try body.optionalInteger(name, in: 0...Int.max)
      default: _ = try body.optionalString(name)
      }
    }
    return Dictionary(uniqueKeysWithValues: MediaSession.names.compactMap { name in body.echo(name).map { (name, $0) } })
  }

  /// `tel:` with a number, or `sip:` with a name and a host.
  private static func checkAddress(_ address: String) throws(BackendError) {
    let isNumber =
      address.hasPrefix("tel:+") && (5...15).contains(address.utf8.count - 5)
      && address.dropFirst(5).utf8.allSatisfy { (0x30...0x39).contains($0) }
    guard isNumber || (address.hasPrefix("sip:") && address.contains("@")) else {
      throw .invalidArgument("An address wants the form tel:+33639980001 or sip:name@host.example.")
    }
  }
}

import Bytes

/// The APIs of subscriptions: one way for all of them, and a table of what differs.
struct Subscriptions: Sendable {
  /// Whom a subscription is about.
  enum Subject: Sendable {
    case device
    /// A device and the circle that it enters or leaves.
    case deviceAndArea
    case phoneNumber
    /// Nobody that the request names: a registration for calls.
    case registration
  }

  let name: String
  let basePath: String
  /// `org.camaraproject.<name>.v0.` stands before each.
  let events: [String]
  /// What the operations of CAMARA's document are called: `create`, `retrieve...List`, `retrieve`, `delete` with this behind.
  let operations: (create: String, list: String, read: String, delete: String)
  let subject: Subject
  /// More than one type of event: an error of its own, where the API has one.
  var hasMultiEventError = true
  /// Whether the API knows of `OUT_OF_RANGE`.
  var hasOutOfRange = true

  static let apis = table.map(\.api)

  private static let table = [
    Subscriptions(
      name: "device-roaming-status-subscriptions", basePath: "/device-roaming-status-subscriptions/v0.8",
      events: ["roaming-status", "roaming-on", "roaming-off", "roaming-change-country"],
      operations: named("DeviceRoamingStatusSubscription"), subject: .device),
    Subscriptions(
      name: "device-reachability-status-subscriptions", basePath: "/device-reachability-status-subscriptions/v0.8",
      events: ["reachability-data", "reachability-sms", "reachability-disconnected"],
      operations: named("DeviceReachabilityStatusSubscription"), subject: .device),
    Subscriptions(
      name: "connected-network-type-subscriptions", basePath: "/connected-network-type-subscriptions/v0.2",
      events: ["network-type-changed"], operations: named("ConnectedNetworkTypeSubscription"), subject: .device,
      hasMultiEventError: false),
    Subscriptions(
      name: "geofencing-subscriptions", basePath: "/geofencing-subscriptions/v0.5", events: ["area-entered", "area-left"],
      operations: named("GeofencingSubscription"), subject: .deviceAndArea, hasOutOfRange: false),
    Subscriptions(
      name: "sim-swap-subscriptions", basePath: "/sim-swap-subscriptions/v0.3", events: ["swapped"],
      operations: ("createSimSwapSubscription", "retrieveSubscriptionList", "retrieveSubscription", "deleteSubscription"),
      subject: .phoneNumber, hasMultiEventError: false),
    Subscriptions(
      name: "webrtc-events", basePath: "/webrtc-events/v0.2",
      events: ["session-status", "session-invitation", "registration-ends"],
      operations: named("NotificationChannelSubscription"), subject: .registration),
  ]

  private static func named(_ name: String) -> (String, String, String, String) {
    ("create" + name, "retrieve" + name + "List", "retrieve" + name, "delete" + name)
  }

  private var api: SimulatedAPI {
    SimulatedAPI(
      name, basePath,
      [
        .post("/subscriptions", operations.create) { call throws(BackendError) in try create(call) },
        .get("/subscriptions", operations.list) { call in
          .ok(.array(call.kept.subscriptions.all(at: call.now).filter { $0.request.api == name }.map(\.json)))
        },
        .get("/subscriptions/{subscriptionId}", operations.read) { call throws(BackendError) in .ok(try find(call).json) },
        .delete("/subscriptions/{subscriptionId}", operations.delete) { call throws(BackendError) in
          try call.kept.subscriptions.remove(find(call).id, at: call.now)
          return .noContent
        },
      ])
  }

  private func find(_ call: Call) throws(BackendError) -> Subscription {
    let subscription = try call.kept.subscriptions.find(call.parameter("subscriptionId"), at: call.now)
    guard subscription.request.api == name else { throw .notFound }
    return subscription
  }

  private func create(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    guard try body.string("protocol") == "HTTP" else { throw BackendError(400, "INVALID_PROTOCOL", "Only HTTP is supported") }
    guard let sink = try body.eventSink() else { throw .invalidArgument("sink is missing.") }
    let types = try types(body)
    let config = try body.object("config")
    let expires = try config.optionalTime("subscriptionExpireTime")
    if let expires, expires <= call.now {
      let message = "subscriptionExpireTime is in the past."
      throw hasOutOfRange ? .outOfRange(message) : .invalidArgument(message)
    }
    let eventsMaximum = try config.optionalInteger(
      "subscriptionMaxEvents", in: 1...1_000_000, beyond: hasOutOfRange ? BackendError.outOfRange : BackendError.invalidArgument)
    let wantsInitialEvent = try config.boolean("initialEvent")
    let subject = try config.object("subscriptionDetail")
    let (number, detail) = try detail(subject, call)
    let settings = ["subscriptionExpireTime", "subscriptionMaxEvents", "initialEvent"].compactMap { name in
      config.echo(name).map { JSON.Member(name: name, value: $0) }
    }
    let activation = call.data.settings.activationSeconds
    let request = Subscription.Request(
      api: name, number: number, sink: sink, types: types,
      config: .object([JSON.Member(name: "subscriptionDetail", value: detail)] + settings),
      about: self.subject == .registration ? [:] : detail,
      area: self.subject == .deviceAndArea ? try subject.object("area").circle() : nil,
      registration: self.subject == .registration ? try subject.string("registrationId") : nil,
      session: self.subject == .registration ? try subject.optionalString("sessionId") : nil,
      expires: expires, eventsMaximum: eventsMaximum, wantsInitialEvent: wantsInitialEvent)
    let subscription = Subscription(
      request, seen: call.subject.map { PhoneView($0, at: call.now) }, activationSeconds: activation, at: call.now)
    try call.kept.subscriptions.add(subscription, at: call.now)
    return activation > 0 ? Answer(202, ["id": .string(subscription.id)]) : Answer(201, subscription.json)
  }

  private func types(_ body: RequestBody) throws(BackendError) -> [String] {
    let types = try body.array("types", count: 1...100).map { $0.string ?? "" }
    let prefix = "org.camaraproject.\(name).v0."
    guard types.allSatisfy({ $0.hasPrefix(prefix) && events.contains(String($0.dropFirst(prefix.utf8.count))) }) else {
      throw .invalidArgument("types wants one of \(events.map { prefix + $0 }.joined(separator: ", ")).")
    }
    guard types.count == 1 else {
      throw hasMultiEventError
        ? BackendError(422, "MULTIEVENT_SUBSCRIPTION_NOT_SUPPORTED", "Multi event types subscription not managed")
        : .invalidArgument("types wants one type of event.")
    }
    return types
  }

  /// Whom it is about, and what the answer says of it. These APIs have no 404 for somebody who is not known.
  private func detail(_ detail: RequestBody, _ call: Call) throws(BackendError) -> (String?, JSON) {
    let errors = Call.SubjectErrors(unknown: .notApplicable)
    switch subject {
    case .device:
      let subscriber = try call.device(in: detail, errors)
      return (subscriber.phoneNumber.e164, ["device": call.namedDevice])
    case .deviceAndArea:
      let area = try detail.object("area")
      let circle = try area.circle()
      let subscriber = try call.device(in: detail, errors)
      guard circle.radiusMetres >= call.data.settings.areaRadiusMetresMinimum else {
        throw BackendError(
          422, "GEOFENCING_SUBSCRIPTIONS.INVALID_AREA", "The requested area is not allowed: its radius is too small.")
      }
      guard call.data.settings.coverage.contains(circle.center) else {
        throw BackendError(422, "GEOFENCING_SUBSCRIPTIONS.AREA_NOT_COVERED", "Unable to cover the requested area")
      }
      return (subscriber.phoneNumber.e164, ["device": call.namedDevice, "area": detail.echo("area")])
    case .phoneNumber:
      let subscriber = try call.phoneNumber(in: detail, errors)
      return (subscriber.phoneNumber.e164, ["phoneNumber": detail.echo("phoneNumber")])
    case .registration:
      _ = try detail.string("registrationId")
      // The number is for the simulator's own use: whose phone rings.
      let registered = try? call.kept.registrations.find(detail.string("registrationId"), at: call.now)
      return (
        registered?.number,
        [
          "registrationId": detail.echo("registrationId"), "deviceId": detail.echo("deviceId"),
          "sessionId": detail.echo("sessionId"),
        ]
      )
    }
  }
}

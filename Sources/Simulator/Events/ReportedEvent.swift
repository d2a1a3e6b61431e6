import Bytes

/// What a sink is told.
struct ReportedEvent: Sendable {
  let type: String
  let data: JSON
}

/// A resource that tells its sink of its states.
protocol Reporting: Resource {
  var eventAPI: String { get }
  var sink: EventSink? { get }
  var reportedNumber: String { get }
}

extension QoSSession: Reporting {
  var eventAPI: String { "quality-on-demand" }
  var reportedNumber: String { number }

  /// Nil for a state that nobody is told of.
  func event(_ status: String, _ reason: String?) -> ReportedEvent? {
    guard status != "REQUESTED" else { return nil }
    return ReportedEvent(
      type: "org.camaraproject.quality-on-demand.v1.qos-status-changed",
      data: ["sessionId": .string(id), "qosStatus": .string(status), "statusInfo": reason.map(JSON.string)])
  }
}

extension QoSAssignment: Reporting {
  var eventAPI: String { "qos-provisioning" }
  var reportedNumber: String { number }

  /// The document of 0.3 requires `qosStatus` and describes `status`: both are there.
  func event(_ status: String, _ reason: String?) -> ReportedEvent? {
    guard status != "REQUESTED" else { return nil }
    return ReportedEvent(
      type: "org.camaraproject.qos-provisioning.v0.status-changed",
      data: [
        "assignmentId": .string(id), "status": .string(status), "qosStatus": .string(status),
        "statusInfo": reason.map(JSON.string),
      ])
  }
}

extension Payment: Reporting {
  var eventAPI: String { "carrier-billing" }
  var reportedNumber: String { number }

  func event(_ status: String, _ time: Timestamp) -> ReportedEvent? {
    let kinds = [
      "pending_validation": "payment-pending-validation", "reserved": "payment-reserved", "succeeded": "payment-completed",
      "cancelled": "payment-cancelled", "denied": "payment-denied",
    ]
    guard let kind = kinds[status] else { return nil }
    return ReportedEvent(
      type: "org.camaraproject.carrier-billing.v0." + kind,
      data: [
        "paymentId": .string(id), "status": .string(status == "denied" ? "failed" : "succeeded"),
        "description": .string("Payment notification"), "paymentDate": status == "succeeded" ? .time(time) : nil,
        "denialReason": status == "denied" ? .string("The simulated account says no") : nil,
      ])
  }
}

extension Refund: Reporting {
  var eventAPI: String { "carrier-billing-refund" }
  var reportedNumber: String { number }

  func event(_ status: String, _ time: Timestamp) -> ReportedEvent? {
    guard let kind = ["succeeded": "refund-completed", "denied": "refund-denied"][status] else { return nil }
    return ReportedEvent(
      type: "org.camaraproject.carrier-billing-refund.v0." + kind,
      data: [
        "paymentId": .string(payment), "refundId": .string(id), "status": .string(status == "denied" ? "failed" : "succeeded"),
        "description": .string("Refund notification"), "refundDate": status == "succeeded" ? .time(time) : nil,
        "denialReason": status == "denied" ? .string("The simulated account says no") : nil,
      ])
  }
}

extension CallRegistration {
  func ended(_ reason: String) -> JSON { ["registrationId": .string(id), "terminationReason": .string(reason)] }
}

extension Subscription {
  /// What begins before the answer is there needs no event that says so; nor do the documents of these two have one.
  var hasStartEvent: Bool {
    starts > created && !["sim-swap-subscriptions", "webrtc-events"].contains(request.api)
  }

  /// What has happened, or is so at the beginning, by the phone as it is now. Counts it.
  mutating func notice(_ view: PhoneView, home: NetworkState.Country, at now: Timestamp) -> [ReportedEvent] {
    let earlier = seen
    seen = view
    let isInitial = owesInitialEvent
    owesInitialEvent = false
    var events: [ReportedEvent] = []
    for type in request.types {
      guard isActive, let kind = type.split(separator: ".").last.map(String.init) else { continue }
      let hasHappened = earlier.map { view.happened(kind, since: $0, area: request.area) } ?? false
      guard hasHappened || isInitial && view.isAsAfter(kind, area: request.area) else { continue }
      events.append(event(kind, phone: view, home: home))
      count(at: now)
    }
    return events
  }

  /// An event of this subscription.
  ///
  /// - Parameters:
  ///   - kind: the last word of its type.
  ///   - reason: of an end.
  ///   - phone: as it is now.
  func event(
    _ kind: String, reason: String? = nil, phone: PhoneView? = nil, home: NetworkState.Country? = nil
  ) -> ReportedEvent {
    var data = request.about
    switch kind {
    case "subscription-ended":
      // The documents of sim-swap and webrtc repeat nothing here; that of roaming (0.8) requires a country.
      if request.api == "sim-swap-subscriptions" { data = [:] }
      if request.api == "device-roaming-status-subscriptions", let country = phone?.roaming ?? home {
        data = data.adding(["countryCode": .integer(country.code)])
      }
      data = data.adding(["terminationReason": .string(reason ?? "NETWORK_TERMINATED")])
    case "subscription-started": data = data.adding(["initiationReason": .string("SUBSCRIPTION_CREATED")])
    default: if let phone, let home { data = data.adding(phone.data(kind, home: home)) }
    }
    return ReportedEvent(type: type(kind), data: data.adding(["subscriptionId": .string(id)]))
  }
}

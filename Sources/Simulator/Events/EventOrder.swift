import Bytes

/// Events that somebody wants to be sent now, whether they have happened or not: `POST /simulator/events`, and a script.
struct EventOrder: Sendable {
  static let countMaximum = 10_000

  /// Whose; nil with `subscriptionId`.
  let number: String?
  /// In full, or a last word.
  private let type: String
  /// The one resource alone, whatever it is subscribed to, and also when it has ended.
  private let resource: String?
  /// Members that take the place of the event's own; `null` takes one away.
  private let data: JSONValue?
  private let mode: CloudEvent.Mode
  private let count: Int
  /// How often each is sent, with the same id.
  private let repeats: Int

  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    number = try reader.optionalString("phoneNumber")
    type = try reader.string("type")
    resource = try reader.optionalString("subscriptionId")
    data = reader.value("data")
    guard data?.kind ?? .object == .object else { throw value.error("\"data\" wants an object") }
    let modes = CloudEvent.Mode.allCases.map(\.rawValue)
    mode = CloudEvent.Mode(rawValue: try reader.choice("mode", of: modes, default: "structured"))!
    count = try reader.optionalInteger("count", in: 1...Self.countMaximum) ?? 1
    repeats = try reader.optionalInteger("repeat", in: 1...100) ?? 1
    try reader.finish()
    guard number != nil || resource != nil else {
      throw value.error("an event wants \"phoneNumber\" or \"subscriptionId\"")
    }
  }

  /// - Returns: the resources whose sinks are told.
  func carryOut(_ events: OperatorEvents, _ kept: KeptResources, _ home: NetworkState.Country, at now: Timestamp) -> [String] {
    var told: [String] = []
    for subscription in kept.subscriptions.all(at: now) where isFor(subscription) {
      tell(subscription, events, kept, home, now)
      told.append(subscription.id)
    }
    told += tell(kept.sessions.all(at: now), events, now) { $0.event($0.progress.status, $0.progress.reason) }
    told += tell(kept.assignments.all(at: now), events, now) { $0.event($0.progress.status, $0.progress.reason) }
    told += tell(kept.payments.all(at: now), events, now) { $0.event($0.progress.status, now) }
    told += tell(kept.refunds.all(at: now), events, now) { $0.event($0.progress.status, now) }
    return told
  }

  private func tell<Source: Reporting>(
    _ candidates: [Source], _ events: OperatorEvents, _ now: Timestamp, _ event: (Source) -> ReportedEvent?
  ) -> [String] {
    var told: [String] = []
    for candidate in candidates {
      guard let own = event(candidate), let sink = candidate.sink, isFor(candidate, own.type) else { continue }
      for _ in 0..<count {
        events.put(
          altered(own), api: candidate.eventAPI, resource: candidate.id, number: candidate.reportedNumber, sink: sink,
          mode: mode, repeats: repeats, at: now)
      }
      told.append(candidate.id)
    }
    return told
  }

  private func isFor(_ subscription: Subscription) -> Bool {
    if let resource { return resource == subscription.id }
    return subscription.isActive && subscription.request.number == number && subscription.request.types.contains(where: means)
  }

  private func isFor(_ candidate: some Reporting, _ own: String) -> Bool {
    if let resource { return resource == candidate.id }
    return candidate.reportedNumber == number && means(own)
  }

  private func means(_ full: String) -> Bool { type == full || full.hasSuffix("." + type) }

  private func tell(
    _ subscription: Subscription, _ events: OperatorEvents, _ kept: KeptResources, _ home: NetworkState.Country, _ now: Timestamp
  ) {
    let kind = type.split(separator: ".").last.map(String.init) ?? ""
    let own = subscription.event(kind, phone: events.view(subscription, now), home: home)
    for _ in 0..<count {
      // Beyond its last one nothing is sent, unless somebody insists.
      guard resource != nil || (try? kept.subscriptions.find(subscription.id, at: now))?.isActive ?? false else { return }
      events.put(
        altered(own), api: subscription.request.api, resource: subscription.id, number: subscription.request.number,
        sink: subscription.request.sink, mode: mode, repeats: repeats, at: now)
      guard !kind.hasPrefix("subscription-") else { continue }
      _ = try? kept.subscriptions.update(subscription.id, at: now) { if $0.isActive { $0.count(at: now) } }
    }
  }

  private func altered(_ event: ReportedEvent) -> ReportedEvent {
    var members: [JSON.Member] = []
    if case .object(let own) = event.data { members = own }
    for given in data?.keys ?? [] {
      let place = members.firstIndex { $0.name == given.name }
      if let place { members.remove(at: place) }
      guard !given.value.isNull else { continue }
      members.insert(JSON.Member(name: given.name, value: JSON(given.value)), at: place ?? members.count)
    }
    return ReportedEvent(type: type.contains(".") ? type : event.type, data: .object(members))
  }
}

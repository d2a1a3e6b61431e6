import Bytes
import Synchronization
import Wire

/// Finds out what has happened and tells the sinks: what time, calls and changes of phones have done to subscriptions, sessions, assignments,
/// payments, refunds, registrations and calls. Safe from all threads.
///
/// Nobody tells it: it looks, some times a second, at what has changed since it last looked. So whatever changes a phone (a schedule or a
/// route of the data file, a script, a person) leads to the same events.
final class OperatorEvents: Sendable {
  static let lookMilliseconds = 100

  private let data: SimulatedOperator
  private let kept: KeptResources
  private let time: any TimeSource
  let outbox: Outbox
  private let looking = Mutex<Void>(())

  init(
    data: SimulatedOperator, kept: KeptResources, carrier: any EventCarrier, time: any TimeSource,
    firstWaitSeconds: Double = 0.25, spawn: @escaping @Sendable (@escaping @Sendable () async -> Void) -> Void
  ) {
    self.data = data
    self.kept = kept
    self.time = time
    outbox = Outbox(
      carrier: carrier, attemptsMaximum: data.settings.eventAttemptsMaximum, firstWaitSeconds: firstWaitSeconds, spawn: spawn
    ) { [kept, time] resource in
      let now = time.now()
      // Who wants nothing more is not told that it has ended.
      _ = try? kept.subscriptions.update(resource, at: now) { subscription in
        if !subscription.isOver { subscription.progress.move(to: "EXPIRED", at: now) }
      }
    }
  }

  /// Looks once.
  func look() {
    let now = time.now()
    looking.withLock { _ in
      tellNews(now)
      // The last event of a subscription is followed by its end.
      if tellPhones(now) { tellSubscriptions(now) }
    }
  }

  // MARK: What has happened to resources

  private func tellNews(_ now: Timestamp) {
    tellSubscriptions(now)
    for news in kept.sessions.takeNews(at: now) {
      let session = news.resource
      for step in news.steps { put(session, session.event(step.status, step.reason), at: step.time) }
      if news.isGone, session.progress.status == "AVAILABLE" {
        put(session, session.event("UNAVAILABLE", "DELETE_REQUESTED"), at: now)
      }
    }
    for news in kept.assignments.takeNews(at: now) {
      let assignment = news.resource
      for step in news.steps { put(assignment, assignment.event(step.status, step.reason), at: step.time) }
      if news.isGone, assignment.progress.status == "AVAILABLE" {
        put(assignment, assignment.event("UNAVAILABLE", "DELETE_REQUESTED"), at: now)
      }
    }
    for news in kept.payments.takeNews(at: now) {
      for step in news.steps { put(news.resource, news.resource.event(step.status, step.time), at: step.time) }
    }
    for news in kept.refunds.takeNews(at: now) {
      for step in news.steps { put(news.resource, news.resource.event(step.status, step.time), at: step.time) }
    }
    tellCalls(now)
  }

  private func put(_ resource: some Reporting, _ event: ReportedEvent?, at time: Timestamp) {
    guard let event, let sink = resource.sink else { return }
    // The stream of a sink whose token is of no use any more just stops.
    guard sink.credential.map({ $0.expires > time }) ?? true else { return }
    put(event, api: resource.eventAPI, resource: resource.id, number: resource.reportedNumber, sink: sink, at: time)
  }

  func put(
    _ event: ReportedEvent, api: String, resource: String, number: String?, sink: EventSink,
    mode: CloudEvent.Mode = .structured, repeats: Int = 1, at time: Timestamp
  ) {
    let event = CloudEvent(api: api, type: event.type, data: event.data, at: time)
    for _ in 0..<repeats {
      outbox.put(.init(event: event, mode: mode, resource: resource, number: number, sink: sink))
    }
  }

  // MARK: Subscriptions

  private func tellSubscriptions(_ now: Timestamp) {
    for news in kept.subscriptions.takeNews(at: now) {
      let subscription = news.resource
      for step in news.steps {
        if step.status == "EXPIRED", let reason = step.reason {
          put(subscription, ended(subscription, reason, now), at: step.time)
        } else if step.status == "ACTIVE", subscription.hasStartEvent {
          put(subscription, subscription.event("subscription-started"), at: step.time)
        }
      }
      if news.isGone, !subscription.isOver { put(subscription, ended(subscription, "SUBSCRIPTION_DELETED", now), at: now) }
    }
  }

  private func ended(_ subscription: Subscription, _ reason: String, _ now: Timestamp) -> ReportedEvent {
    subscription.event("subscription-ended", reason: reason, phone: view(subscription, now), home: data.settings.country)
  }

  private func put(_ subscription: Subscription, _ event: ReportedEvent, at time: Timestamp) {
    put(
      event, api: subscription.request.api, resource: subscription.id, number: subscription.request.number,
      sink: subscription.request.sink, at: time)
  }

  func view(_ subscription: Subscription, _ now: Timestamp) -> PhoneView? {
    subscription.request.number.flatMap { data.subscriber($0) }.map { PhoneView(kept.phones.current($0), at: now) }
  }

  /// - Returns: whether some subscription has had its last event.
  private func tellPhones(_ now: Timestamp) -> Bool {
    var views: [String: PhoneView] = [:]
    var hasEnded = false
    for subscription in kept.subscriptions.all(at: now) where subscription.isActive && subscription.seen != nil {
      guard let number = subscription.request.number, let view = views[number] ?? view(subscription, now) else { continue }
      views[number] = view
      guard subscription.owesInitialEvent || subscription.seen != view else { continue }
      var events: [ReportedEvent] = []
      let changed = try? kept.subscriptions.update(subscription.id, at: now) { subscription in
        guard subscription.isActive else { return }
        events = subscription.notice(view, home: data.settings.country, at: now)
      }
      guard let changed else { continue }
      for event in events { put(changed, event, at: now) }
      hasEnded = hasEnded || changed.isOver
    }
    return hasEnded
  }

  // MARK: Calls

  private func tellCalls(_ now: Timestamp) {
    for news in kept.registrations.takeNews(at: now) where news.isGone {
      let reason = news.resource.isOver ? "REGISTRATION_EXPIRED" : "NETWORK_TERMINATED"
      tell("registration-ends", now, news.resource.ended(reason)) { $0.registration == news.resource.id }
    }
    for news in kept.calls.takeNews(at: now) {
      let call = news.resource
      for step in news.steps {
        if step.status == "Ringing" { invite(to: call, now) }
        tell("session-status", step.time, call.shown(as: step.status)) {
          ($0.session ?? call.id) == call.id && $0.registration == call.registration
        }
      }
    }
  }

  /// Whom a call is for is told of it, when they have a registration.
  private func invite(to call: MediaSession, _ now: Timestamp) {
    guard case .raw(let text)? = call.members["receiverAddress"], call.members["originatorAddress"] != nil,
      let address = try? JSONDocument(text).root.string, address.hasPrefix("tel:")
    else { return }
    let callees = kept.registrations.all(at: now).filter { $0.number == String(address.dropFirst(4)) }.map(\.id)
    tell("session-invitation", now, call.shown(as: "Ringing")) { $0.registration.map(callees.contains) ?? false }
  }

  private func tell(_ kind: String, _ time: Timestamp, _ data: JSON, _ concerns: (Subscription.Request) -> Bool) {
    let now = self.time.now()
    for subscription in kept.subscriptions.all(at: now)
    where subscription.isActive && subscription.request.types == [subscription.type(kind)] && concerns(subscription.request) {
      put(subscription, ReportedEvent(type: subscription.type(kind), data: data), at: time)
      _ = try? kept.subscriptions.update(subscription.id, at: now) { $0.count(at: now) }
    }
  }
}

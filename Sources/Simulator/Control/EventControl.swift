import Bytes
import Wire

/// What a person or a test does to the simulated phones and to what is told of them, from the same machine alone.
///
/// | request | what |
/// |---|---|
/// | `GET /simulator/subscribers` | the subscribers, and how their phones are now |
/// | `POST /simulator/subscribers/%2B33.../state` | something happens to a phone: `{"act": "go-abroad"}`, or members of the data file |
/// | `DELETE /simulator/subscribers/%2B33.../state` | as the data file says again |
/// | `GET /simulator/events?phoneNumber=&subscriptionId=&type=` | the events that were sent lately, and what became of each |
/// | `POST /simulator/events` | `EventOrder`: sends events whether they have happened or not |
///
/// What is posted must be called JSON: a page of somebody else's cannot do that without asking first.
struct EventControl {
  let data: SimulatedOperator
  let kept: KeptResources
  let events: OperatorEvents
  let now: Timestamp

  private static let subscribers = "/simulator/subscribers"

  /// Nil when it is none of these.
  func answer(_ request: HTTPRequest, _ path: String) throws(BackendError) -> Answer? {
    switch (request.method, path) {
    case ("GET", Self.subscribers): return .ok(["subscribers": .array(data.subscribers.map { describe($0) })])
    case ("GET", "/simulator/events"): return .ok(try sent(Query(request.query)))
    case ("POST", "/simulator/events"):
      let order = try read(request) { value throws(DocumentError) in try EventOrder(value) }
      let told = order.carryOut(events, kept, data.settings.country, at: now)
      events.look()
      return Answer(202, ["subscriptionIds": .strings(told)])
    default:
      guard let subscriber = try phone(path) else { return nil }
      return try change(subscriber, request)
    }
  }

  private func change(_ subscriber: SimulatedSubscriber, _ request: HTTPRequest) throws(BackendError) -> Answer {
    switch request.method {
    case "GET": break
    case "POST":
      let change = try read(request) { value throws(DocumentError) in try PhoneChange(value, now: now) }
      // What was so until now is told first.
      events.look()
      kept.phones.change(subscriber.phoneNumber.e164, change)
      events.look()
    case "DELETE":
      kept.phones.restore(subscriber.phoneNumber.e164)
      events.look()
    default: throw .methodNotAllowed(["GET", "POST", "DELETE"])
    }
    return .ok(describe(subscriber))
  }

  /// Whose state a path is; nil when it is no such path.
  private func phone(_ path: String) throws(BackendError) -> SimulatedSubscriber? {
    guard path.hasPrefix(Self.subscribers + "/"), path.hasSuffix("/state") else { return nil }
    let name = path.dropFirst(Self.subscribers.count + 1).dropLast("/state".count)
    // A plus sign may be written as it is, or with a percent sign.
    let number = name.replacing("%2B", with: "+").replacing("%2b", with: "+")
    guard let subscriber = data.subscriber(String(number)) else { throw .unknownSubscriber }
    return subscriber
  }

  private func read<Value>(
    _ request: HTTPRequest, _ read: (JSONValue) throws(DocumentError) -> Value
  ) throws(BackendError) -> Value {
    guard request.field("content-type")?.hasPrefix("application/json") ?? false else { throw .unsupportedMediaType }
    do throws(DocumentError) { return try read(JSONDocument(request.body).root) } catch {
      throw .invalidArgument(error.reason)
    }
  }

  private func describe(_ subscriber: SimulatedSubscriber) -> JSON {
    let current = kept.phones.current(subscriber)
    let network = current.network.state(at: now).state
    return [
      "phoneNumber": .string(subscriber.phoneNumber.e164), "note": .string(subscriber.note), "type": .string(network.type),
      "connectivity": .strings(network.connectivity),
      "roaming": network.roaming.map { ["countryCode": .integer($0.code), "countryName": .strings($0.names)] } ?? .null,
      "place": current.place.area(at: now)?.json ?? .string("unknown"), "simChange": current.simChange.time.map(JSON.time),
      "deviceChange": current.deviceChange.time.map(JSON.time),
      "subscriptions": .integer(
        kept.subscriptions.all(at: now).count { $0.isActive && $0.request.number == subscriber.phoneNumber.e164 }),
    ]
  }

  private func sent(_ query: Query) -> JSON {
    let (number, resource, type) = (query.first("phoneNumber"), query.first("subscriptionId"), query.first("type"))
    let entries = events.outbox.log.all.filter { entry in
      (number == nil || number == entry.number) && (resource == nil || resource == entry.resource)
        && (type == nil || type == entry.event.type)
    }
    return ["events": .array(entries.map(\.json))]
  }
}

import Bytes

/// What of a phone events are about: two views of it, one after the other, say what has happened.
struct PhoneView: Sendable, Equatable {
  /// How a phone can be reached.
  enum Reach: String, Sendable {
    case data = "reachability-data"
    case sms = "reachability-sms"
    case disconnected = "reachability-disconnected"
  }

  let roaming: NetworkState.Country?
  let reach: Reach
  let networkType: String
  let center: Point?
  let simChange: Timestamp?

  init(_ subscriber: SimulatedSubscriber, at now: Timestamp) {
    let network = subscriber.network.state(at: now).state
    roaming = network.roaming
    reach = network.connectivity.contains("DATA") ? .data : network.isReachable ? .sms : .disconnected
    networkType = network.isReachable ? network.type : "UNKNOWN"
    center = subscriber.place.area(at: now)?.circle.center
    simChange = subscriber.simChange.time
  }

  func isWithin(_ area: Circle?) -> Bool {
    guard let area, let center else { return false }
    return area.center.distance(to: center) <= area.radiusMetres
  }

  /// Whether a kind of event has happened between an earlier view and this one.
  func happened(_ kind: String, since earlier: PhoneView, area: Circle?) -> Bool {
    switch kind {
    case "roaming-status": roaming != earlier.roaming
    case "roaming-on": roaming != nil && earlier.roaming == nil
    case "roaming-off": roaming == nil && earlier.roaming != nil
    case "roaming-change-country": roaming != nil && earlier.roaming != nil && roaming != earlier.roaming
    case "network-type-changed": networkType != earlier.networkType
    case "area-entered": isWithin(area) && !earlier.isWithin(area)
    case "area-left": !isWithin(area) && earlier.isWithin(area)
    case "swapped": simChange != nil && simChange != earlier.simChange
    default: reach.rawValue == kind && reach != earlier.reach
    }
  }

  /// Whether things are as the event says, so that there is an initial one. There is none of what happens in a moment.
  func isAsAfter(_ kind: String, area: Circle?) -> Bool {
    switch kind {
    case "roaming-status", "network-type-changed": true
    case "roaming-on", "roaming-change-country": roaming != nil
    case "roaming-off": roaming == nil
    case "area-entered": isWithin(area)
    case "area-left": center != nil && !isWithin(area)
    default: reach.rawValue == kind
    }
  }

  /// What an event of this kind says of the phone.
  ///
  /// - Parameter home: said where the phone is not abroad and the event cannot do without a country.
  func data(_ kind: String, home: NetworkState.Country) -> JSON {
    switch kind {
    case "roaming-status":
      [
        "roaming": .boolean(roaming != nil), "countryCode": roaming.map { .integer($0.code) },
        "countryName": roaming.map { .strings($0.names) },
      ]
    case "roaming-change-country":
      ["countryCode": .integer((roaming ?? home).code), "countryName": .strings((roaming ?? home).names)]
    case "network-type-changed": ["connectedNetworkType": .string(networkType)]
    default: [:]
    }
  }
}

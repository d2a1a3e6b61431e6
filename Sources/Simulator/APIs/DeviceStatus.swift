import Bytes

/// Whether a phone is abroad, can be reached, and over which network: device-roaming-status, device-reachability-status,
/// connected-network-type.
enum DeviceStatus {
  static let apis = [
    SimulatedAPI("device-roaming-status", "/device-roaming-status/v1", [.post("/retrieve", "getRoamingStatus", roaming)]),
    SimulatedAPI(
      "device-reachability-status", "/device-reachability-status/v1", [.post("/retrieve", "getReachabilityStatus", reachability)]),
    SimulatedAPI(
      "connected-network-type", "/connected-network-type/v0.2", [.post("/retrieve", "getConnectedNetworkType", networkType)]),
  ]

  private static func roaming(_ call: Call) throws(BackendError) -> Answer {
    let subscriber = try call.device(in: call.body())
    let (network, since) = subscriber.network.state(at: call.now)
    return .ok([
      "lastStatusTime": time(network, since, call), "roaming": .boolean(network.roaming != nil),
      "countryCode": network.roaming.map { .integer($0.code) }, "countryName": network.roaming.map { .strings($0.names) },
      "device": call.usedDevice,
    ])
  }

  private static func reachability(_ call: Call) throws(BackendError) -> Answer {
    let subscriber = try call.device(in: call.body())
    let (network, since) = subscriber.network.state(at: call.now)
    return .ok([
      "lastStatusTime": time(network, since, call), "reachable": .boolean(network.isReachable),
      "connectivity": network.isReachable ? .strings(network.connectivity) : nil, "device": call.usedDevice,
    ])
  }

  private static func networkType(_ call: Call) throws(BackendError) -> Answer {
    let subscriber = try call.device(in: call.body())
    let (network, since) = subscriber.network.state(at: call.now)
    return .ok([
      "lastStatusTime": time(network, since, call), "connectedNetworkType": .string(network.type), "device": call.usedDevice,
    ])
  }

  /// The operator cannot have known a state before it was so.
  private static func time(_ network: NetworkState, _ since: Timestamp?, _ call: Call) -> JSON {
    let known = call.now.adding(seconds: -Int64(network.ageSeconds))
    return .time(since.map { max($0, known) } ?? known)
  }
}

/// simple-edge-discovery: the zone that is nearest to where the phone is.
enum EdgeDiscovery {
  static let api = SimulatedAPI(
    "simple-edge-discovery", "/simple-edge-discovery/v2",
    [.post("/retrieve-closest-edge-cloud-zone", "readClosestEdgeCloudZone", closest)])

  private static func closest(_ call: Call) throws(BackendError) -> Answer {
    let subscriber = try call.device(in: call.body())
    // Of a phone that cannot be found, the zone is the first.
    let place = subscriber.place.area(at: call.now)?.circle.center
    let zones = call.data.edgeCloudZones
    guard
      let zone = place.map({ place in zones.min { $0.point.distance(to: place) < $1.point.distance(to: place) } }) ?? zones.first
    else { throw .notApplicable }
    return .ok([
      "edgeCloudZoneId": .string(zone.id), "edgeCloudZoneName": .string(zone.name), "edgeCloudProvider": .string(zone.provider),
      "device": call.usedDevice,
    ])
  }
}

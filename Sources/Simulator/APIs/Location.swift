import Bytes

/// Where a phone is: location-retrieval, location-verification.
enum Location {
  static let apis = [
    SimulatedAPI("location-retrieval", "/location-retrieval/v0.5", [.post("/retrieve", "retrieveLocation", retrieve)]),
    SimulatedAPI("location-verification", "/location-verification/v3", [.post("/verify", "verifyLocation", verify)]),
  ]

  private static func retrieve(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let maxAge = try body.optionalInteger("maxAge", in: 0...Int.max, beyond: BackendError.invalidArgument)
    let maxSurface = try body.optionalInteger("maxSurface", in: 1...Int.max, beyond: BackendError.invalidArgument)
    let subscriber = try call.device(in: body)
    let (area, time) = try locate(subscriber, maxAge, "LOCATION_RETRIEVAL", call)
    if let maxSurface, area.surfaceSquareMetres > Double(maxSurface) {
      throw BackendError(
        422, "LOCATION_RETRIEVAL.UNABLE_TO_FULFILL_MAX_SURFACE", "Unable to provide accurate acceptable surface for location")
    }
    return .ok(["lastLocationTime": .time(time), "area": area.json, "device": call.usedDevice])
  }

  private static func verify(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let asked = try body.object("area").circle()
    let maxAge = try body.optionalInteger("maxAge", in: 0...Int.max)
    let subscriber = try call.device(in: body)
    guard asked.radiusMetres >= call.data.settings.areaRadiusMetresMinimum else {
      throw BackendError(422, "LOCATION_VERIFICATION.INVALID_AREA", "The requested area is not allowed: its radius is too small.")
    }
    guard call.data.settings.coverage.contains(asked.center) else {
      throw BackendError(422, "LOCATION_VERIFICATION.AREA_NOT_COVERED", "Unable to verify the location: the area is not covered.")
    }
    let (area, time) = try locate(subscriber, maxAge, "LOCATION_VERIFICATION", call)
    let share = area.circle.share(within: asked)
    let result = share >= 1 ? "TRUE" : share <= 0 ? "FALSE" : "PARTIAL"
    return .ok([
      "verificationResult": .string(result), "lastLocationTime": .time(time),
      "matchRate": result == "PARTIAL" ? .integer(max(1, min(99, Int(share * 100)))) : nil, "device": call.usedDevice,
    ])
  }

  /// What the network knows, or, where that is too old and the phone can be reached, what it finds now.
  private static func locate(
    _ subscriber: SimulatedSubscriber, _ maxAge: Int?, _ api: String, _ call: Call
  ) throws(BackendError) -> (Place.Area, Timestamp) {
    guard let area = subscriber.place.area(at: call.now) else {
      throw BackendError(422, api + ".UNABLE_TO_LOCATE", "The network cannot locate the device")
    }
    let age = subscriber.place.ageSeconds
    guard let maxAge, age > maxAge else { return (area, call.now.adding(seconds: -Int64(age))) }
    guard subscriber.network.state(at: call.now).state.isReachable else {
      throw BackendError(422, api + ".UNABLE_TO_FULFILL_MAX_AGE", "Unable to provide expected freshness for location")
    }
    return (area, call.now)
  }
}

extension Place.Area {
  var json: JSON {
    switch self {
    case .circle(let circle):
      ["areaType": .string("CIRCLE"), "center": circle.center.json, "radius": .decimal(circle.radiusMetres)]
    case .polygon(let polygon):
      ["areaType": .string("POLYGON"), "boundary": .array(polygon.boundary.map(\.json))]
    }
  }
}

extension Point {
  /// With a millionth of a degree, which is a tenth of a metre.
  var json: JSON {
    func rounded(_ degrees: Double) -> JSON { .decimal((degrees * 1_000_000).rounded() / 1_000_000) }
    return ["latitude": rounded(latitude), "longitude": rounded(longitude)]
  }
}

extension RequestBody {
  /// CAMARA's `Area`, which must be a circle.
  func circle() throws(BackendError) -> Circle {
    guard try choice("areaType", of: ["CIRCLE", "POLYGON"]) == "CIRCLE" else { throw .invalidArgument("areaType wants CIRCLE.") }
    return Circle(center: try object("center").point(), radiusMetres: try number("radius", in: 1...20_000_000))
  }

  /// CAMARA's `Area`, which must be a polygon.
  func polygon() throws(BackendError) -> Polygon {
    guard try choice("areaType", of: ["CIRCLE", "POLYGON"]) == "POLYGON" else {
      throw .invalidArgument("areaType wants POLYGON.")
    }
    var points: [Point] = []
    for value in try array("boundary", count: 3...15) { points.append(try RequestBody(value, path: "boundary").point()) }
    return Polygon(boundary: points)
  }

  func point() throws(BackendError) -> Point {
    Point(latitude: try number("latitude", in: -90...90), longitude: try number("longitude", in: -180...180))
  }
}

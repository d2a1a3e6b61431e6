import Bytes

/// Where a phone is, as far as the network can tell.
enum Place: Sendable {
  case unknown
  case circle(Circle, ageSeconds: Int)
  case polygon(Polygon, ageSeconds: Int)
  /// It goes round and round; where it is follows from the clock alone.
  case route([Point], lapSeconds: Int, radiusMetres: Double, ageSeconds: Int)

  /// What the network knew at a moment.
  enum Area: Sendable, Equatable {
    case circle(Circle)
    case polygon(Polygon)

    var surfaceSquareMetres: Double {
      switch self {
      case .circle(let circle): circle.surfaceSquareMetres
      case .polygon(let polygon): polygon.surfaceSquareMetres
      }
    }

    /// For who wants a circle.
    var circle: Circle {
      switch self {
      case .circle(let circle): circle
      case .polygon(let polygon): polygon.enclosingCircle
      }
    }
  }

  /// Nil when the network cannot tell.
  func area(at now: Timestamp) -> Area? {
    switch self {
    case .unknown: nil
    case .circle(let circle, _): .circle(circle)
    case .polygon(let polygon, _): .polygon(polygon)
    case .route(let points, let lapSeconds, let radius, _):
      .circle(Circle(center: Self.position(on: points, lapSeconds, at: now), radiusMetres: radius))
    }
  }

  /// How old this knowledge is when nobody looks anew.
  var ageSeconds: Int {
    switch self {
    case .unknown: 0
    case .circle(_, let age), .polygon(_, let age), .route(_, _, _, let age): age
    }
  }

  /// On a closed way, each leg in the same time.
  private static func position(on points: [Point], _ lapSeconds: Int, at now: Timestamp) -> Point {
    let lap = Int64(lapSeconds)
    let within = Double(((now.seconds % lap) + lap) % lap) / Double(lap) * Double(points.count)
    let leg = min(Int(within), points.count - 1)
    let (from, to, share) = (points[leg], points[(leg + 1) % points.count], within - Double(leg))
    return Point(
      latitude: from.latitude + (to.latitude - from.latitude) * share,
      longitude: from.longitude + (to.longitude - from.longitude) * share)
  }
}

extension Place {
  /// Reads `{ "circle": {...} }`, `{ "polygon": [...] }`, `{ "route": [...], "lap": "30m", "radius": 200 }`, each with an `age`, or
  /// `"unknown"`.
  init(_ value: JSONValue) throws(DocumentError) {
    if value.string == "unknown" { self = .unknown; return }
    var reader = try ObjectReader(value)
    let age = try reader.duration("age", in: 0...864_000, default: 0)
    if var circle = try reader.optionalObject("circle") {
      self = .circle(
        Circle(center: try Point(&circle), radiusMetres: try circle.number("radius", in: 1...200_000)), ageSeconds: age)
      try circle.finish()
    } else if let points = try reader.optionalArray("polygon") {
      self = .polygon(Polygon(boundary: try Self.points(points, 3...15, value)), ageSeconds: age)
    } else if let points = try reader.optionalArray("route") {
      self = .route(
        try Self.points(points, 2...100, value), lapSeconds: try reader.duration("lap", in: 10...864_000, default: 3600),
        radiusMetres: try reader.number("radius", in: 1...200_000), ageSeconds: age)
    } else {
      throw value.error("a place wants \"circle\", \"polygon\" or \"route\"; or it is \"unknown\"")
    }
    try reader.finish()
  }

  private static func points(
    _ values: [JSONValue], _ count: ClosedRange<Int>, _ place: JSONValue
  ) throws(DocumentError) -> [Point] {
    guard count.contains(values.count) else {
      throw place.error("\(count.lowerBound) to \(count.upperBound) points were expected")
    }
    var points: [Point] = []
    for value in values {
      guard let pair = value.array, pair.count == 2, let latitude = pair[0].double, let longitude = pair[1].double,
        (-90...90).contains(latitude), (-180...180).contains(longitude)
      else { throw value.error("a point was expected: [latitude, longitude]") }
      points.append(Point(latitude: latitude, longitude: longitude))
    }
    return points
  }
}

extension Point {
  /// Reads `latitude` and `longitude` of an object.
  init(_ reader: inout ObjectReader) throws(DocumentError) {
    latitude = try reader.number("latitude", in: -90...90)
    longitude = try reader.number("longitude", in: -180...180)
  }
}

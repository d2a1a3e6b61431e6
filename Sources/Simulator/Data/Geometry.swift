import Glibc

/// A place on the earth, in degrees.
struct Point: Sendable, Equatable {
  let latitude: Double
  let longitude: Double

  /// Metres on the sphere (haversine).
  func distance(to other: Point) -> Double {
    let (a, b) = (latitude * .pi / 180, other.latitude * .pi / 180)
    let (dLatitude, dLongitude) = (b - a, (other.longitude - longitude) * .pi / 180)
    let h = pow(sin(dLatitude / 2), 2) + cos(a) * cos(b) * pow(sin(dLongitude / 2), 2)
    return 2 * 6_371_000 * asin(min(1, h.squareRoot()))
  }
}

struct Circle: Sendable, Equatable {
  let center: Point
  let radiusMetres: Double

  var surfaceSquareMetres: Double { .pi * radiusMetres * radiusMetres }

  /// How much of this circle is within another one: 0 to 1. On the plane, which will do at these sizes.
  func share(within other: Circle) -> Double {
    let distance = center.distance(to: other.center)
    let (r, s) = (radiusMetres, other.radiusMetres)
    guard distance < r + s else { return 0 }
    guard distance + r > s else { return 1 }
    guard distance + s > r else { return other.surfaceSquareMetres / surfaceSquareMetres }
    // The two segments of the lens that both circles have in common.
    let a = acos((distance * distance + r * r - s * s) / (2 * distance * r))
    let b = acos((distance * distance + s * s - r * r) / (2 * distance * s))
    let lens = r * r * (a - sin(2 * a) / 2) + s * s * (b - sin(2 * b) / 2)
    return lens / surfaceSquareMetres
  }
}

struct Polygon: Sendable, Equatable {
  let boundary: [Point]

  var box: Box {
    let (latitudes, longitudes) = (boundary.map(\.latitude), boundary.map(\.longitude))
    return Box(south: latitudes.min()!, west: longitudes.min()!, north: latitudes.max()!, east: longitudes.max()!)
  }

  /// By counting how often a ray to the east crosses the boundary.
  func contains(_ point: Point) -> Bool {
    var isInside = false
    for (a, b) in zip(boundary, boundary.dropFirst() + boundary.prefix(1))
    where (a.latitude > point.latitude) != (b.latitude > point.latitude) {
      let crossing = (b.longitude - a.longitude) * (point.latitude - a.latitude) / (b.latitude - a.latitude) + a.longitude
      if point.longitude < crossing { isInside.toggle() }
    }
    return isInside
  }

  /// Gauss's formula, on the plane that touches the earth there.
  var surfaceSquareMetres: Double {
    let scale = 111_195.0
    let width = scale * cos(boundary[0].latitude * .pi / 180)
    let sum = zip(boundary, boundary.dropFirst() + boundary.prefix(1)).reduce(0) { sum, side in
      sum + (side.0.longitude * side.1.latitude - side.1.longitude * side.0.latitude)
    }
    return abs(sum) / 2 * scale * width
  }

  /// A circle around all of it.
  var enclosingCircle: Circle {
    let center = Point(
      latitude: boundary.reduce(0) { $0 + $1.latitude } / Double(boundary.count),
      longitude: boundary.reduce(0) { $0 + $1.longitude } / Double(boundary.count))
    return Circle(center: center, radiusMetres: boundary.map { $0.distance(to: center) }.max()!)
  }
}

/// Between two parallels and two meridians.
struct Box: Sendable, Equatable {
  let south: Double
  let west: Double
  let north: Double
  let east: Double

  func contains(_ point: Point) -> Bool {
    (south...north).contains(point.latitude) && (west...east).contains(point.longitude)
  }
}

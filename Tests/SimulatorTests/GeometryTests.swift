import Testing

@testable import Simulator

@Suite struct GeometryTests {
  private static let paris = Point(latitude: 48.8566, longitude: 2.3522)
  private static let lyon = Point(latitude: 45.7640, longitude: 4.8357)

  @Test func distancesAreOfTheEarth() {
    #expect(abs(Self.paris.distance(to: Self.lyon) - 392_000) < 1000)
    #expect(Self.paris.distance(to: Self.paris) == 0)
  }

  @Test func circlesOverlapByAShare() {
    let circle = Circle(center: Self.paris, radiusMetres: 1000)
    #expect(circle.share(within: Circle(center: Self.paris, radiusMetres: 2000)) == 1)
    #expect(abs(circle.share(within: Circle(center: Self.paris, radiusMetres: 500)) - 0.25) < 1e-9)
    #expect(circle.share(within: Circle(center: Self.lyon, radiusMetres: 2000)) == 0)
    // Of two equal circles, one through the middle of the other: 2/3 - √3/2π of it.
    let north = Point(latitude: Self.paris.latitude + 1000 / 111_194.93, longitude: Self.paris.longitude)
    #expect(abs(circle.share(within: Circle(center: north, radiusMetres: 1000)) - 0.391) < 0.001)
  }

  @Test func aPolygonKnowsItsInsideAndSurface() {
    let square = Polygon(
      boundary: [(0, 0), (0, 1), (1, 1), (1, 0)].map { Point(latitude: $0.0, longitude: $0.1) })
    #expect(square.contains(Point(latitude: 0.5, longitude: 0.5)) && !square.contains(Point(latitude: 1.5, longitude: 0.5)))
    #expect(abs(square.surfaceSquareMetres / 12_364_000_000 - 1) < 0.01)
    #expect(square.boundary.allSatisfy { $0.distance(to: square.enclosingCircle.center) <= square.enclosingCircle.radiusMetres })
  }

  /// The examples of the system's own description.
  @Test(arguments: [
    (57.64911, 10.40744, 11, "u4pruydqqvj"), (48.8566, 2.3522, 7, "u09tvw0"), (-25.382708, -49.265506, 8, "6gkzwgjz"),
  ])
  func cellsHaveTheirNames(_ latitude: Double, _ longitude: Double, _ precision: Int, _ name: String) {
    #expect(GeohashGrid(precision: precision).cell(at: Point(latitude: latitude, longitude: longitude)).geohash == name)
  }

  @Test func aBoxTouchesItsCells() {
    let grid = GeohashGrid(precision: 6)
    let box = Box(south: 48.8, west: 2.3, north: 48.82, east: 2.35)
    let cells = grid.cells(in: box)
    #expect(cells.count == grid.count(in: box) && Set(cells.map(\.geohash)).count == cells.count)
    #expect(GeohashGrid(precision: 12).count(in: Box(south: -90, west: -180, north: 90, east: 180)) == Int(Int32.max))
  }

  @Test func textsAreAlikeButForCaseAndPunctuation() {
    #expect(Similarity.score("Saint-Denis", "saint denis") == 100)
    #expect(Similarity.score("Garnier", "Garnié") < 100 && Similarity.score("Garnier", "Garnies") > 80)
    #expect(Similarity.score("a", "b") == 0)
  }
}

import Bytes
import Glibc
import JOSE

/// How many people are in an area: population-density-data, region-device-count. The numbers are made up of the place and the hour of
/// the day alone: more in the day, few at night, and always the same at the same place and hour.
enum Population {
  static let apis = [
    SimulatedAPI(
      "population-density-data", "/population-density-data/v0.3", [.post("/retrieve", "retrievePopulationDensity", density)]),
    SimulatedAPI("region-device-count", "/regionDeviceCount/vwip", [.post("/count", "count", count)]),
  ]

  /// Cells of all hours together that one answer may have.
  private static let cellsMaximum = 5000
  private static let cellsMaximumInBackground = 100_000
  private static let precisions = 4...8
  private static let hoursMaximum = 24

  private static func density(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let polygon = try invalidAreaIs("POPULATION_DENSITY_DATA.INVALID_AREA", of: body.object("area"))
    let (start, end) = try (body.time("startTime"), body.time("endTime"))
    let precision = try body.optionalInteger("precision", in: 1...12, beyond: BackendError.invalidArgument) ?? 7
    let sink = try body.eventSink()
    try checkTimes(start, end, call.now)
    guard precisions.contains(precision) else {
      throw problem(422, "UNSUPPORTED_PRECISION", "Indicated cell precision (Geohash level) is not supported")
    }
    let grid = GeohashGrid(precision: precision)
    let hours = Int((end - start + 3_599_999_999) / 3_600_000_000)
    let cellCount = grid.count(in: polygon.box) * hours
    guard cellCount <= cellsMaximumInBackground else {
      throw problem(422, "UNSUPPORTED_REQUEST", "Indicated combination of area, time interval and precision is too big")
    }
    guard cellCount <= cellsMaximum else {
      guard sink != nil else {
        throw problem(
          422, "UNSUPPORTED_SYNC_RESPONSE",
          "Indicated combination of area, time interval and precision is too big for a sync response")
      }
      return Answer(202, ["operationId": .string(Random.uuid())])
    }
    let inside = grid.cells(in: polygon.box).filter { polygon.contains($0.center) }
    // A polygon that is smaller than a cell has the middle of none.
    let cells = inside.isEmpty ? [grid.cell(at: polygon.enclosingCircle.center)] : inside
    return .ok(densities(cells, call.data.settings.coverage, start, end))
  }

  private static func densities(_ cells: [GeohashGrid.Cell], _ coverage: Box, _ start: Timestamp, _ end: Timestamp) -> JSON {
    let covered = cells.filter { coverage.contains($0.center) }
    let status =
      covered.isEmpty ? "AREA_NOT_SUPPORTED" : covered.count == cells.count ? "SUPPORTED_AREA" : "PART_OF_AREA_NOT_SUPPORTED"
    var intervals: [JSON] = []
    var from = start
    while from < end, !covered.isEmpty {
      let to = min(end, from.adding(seconds: 3600))
      intervals.append([
        "startTime": .time(from), "endTime": .time(to),
        "cellPopulationDensityData": .array(covered.map { cell(of: $0.geohash, hour: from.hour) }),
      ])
      from = to
    }
    return ["timedPopulationDensityData": .array(intervals), "status": .string(status)]
  }

  private static func cell(of geohash: String, hour: Int) -> JSON {
    let people = peoplePerSquareKilometre(geohash, hour: hour)
    guard people > 0 else { return ["geohash": .string(geohash), "dataType": .string("NO_DATA")] }
    guard people >= 50 else { return ["geohash": .string(geohash), "dataType": .string("LOW_DENSITY")] }
    return [
      "geohash": .string(geohash), "dataType": .string("DENSITY_ESTIMATION"), "maxPplDensity": .integer(people * 6 / 5),
      "minPplDensity": .integer(people * 4 / 5), "pplDensity": .integer(people),
    ]
  }

  private static func checkTimes(_ start: Timestamp, _ end: Timestamp, _ now: Timestamp) throws(BackendError) {
    let quarter: Int64 = 90 * 86_400
    guard end > start else { throw problem(400, "INVALID_END_TIME", "Indicated endTime is earlier than the startTime") }
    guard start >= now.adding(seconds: -quarter) else {
      throw problem(400, "MIN_STARTTIME_EXCEEDED", "Indicated startTime is earlier than the minimum allowed")
    }
    guard start <= now.adding(seconds: quarter) else {
      throw problem(400, "MAX_STARTTIME_EXCEEDED", "Indicated startTime is greater than the maximum allowed")
    }
    guard end - start <= Int64(hoursMaximum) * 3_600_000_000 else {
      throw problem(400, "MAX_TIME_PERIOD_EXCEEDED", "Indicated time period is greater than the maximum allowed")
    }
    guard start >= now || end <= now else {
      throw problem(400, "INVALID_TIME_PERIOD", "Indicated time period is partially in the past and partially in the future")
    }
  }

  private static func problem(_ status: Int, _ code: String, _ message: String) -> BackendError {
    BackendError(status, "POPULATION_DENSITY_DATA." + code, message)
  }

  /// Whatever is wrong with the polygon has a code of its own.
  private static func invalidAreaIs(_ code: String, of area: RequestBody) throws(BackendError) -> Polygon {
    do { return try area.polygon() } catch { throw BackendError(400, code, error.message) }
  }

  private static func count(_ call: Call) throws(BackendError) -> Answer {
    let body = try call.body()
    let area = try body.object("area")
    let isCircle = try area.choice("areaType", of: ["CIRCLE", "POLYGON"]) == "CIRCLE"
    let region: Place.Area
    if isCircle {
      do { region = .circle(try area.circle()) } catch {
        throw BackendError(400, "REGION_DEVICE_COUNT.INVALID_CIRCLE_AREA", error.message)
      }
    } else {
      region = .polygon(try invalidAreaIs("REGION_DEVICE_COUNT.INVALID_POLYGON_AREA", of: area))
    }
    let (start, end) = try (body.optionalTime("starttime"), body.optionalTime("endtime"))
    guard (start == nil) == (end == nil) else {
      throw BackendError(400, "REGION_DEVICE_COUNT.TIME_INVALID_ARGUMENT", "starttime and endtime belong together.")
    }
    if let start, let end, end < start {
      throw BackendError(400, "REGION_DEVICE_COUNT.INVALID_END_DATE", "endtime is earlier than starttime.")
    }
    let covered = share(of: region, within: call.data.settings.coverage)
    guard covered >= 0.5 else { return .ok(["count": .integer(0), "status": .string("AREA_NOT_SUPPORTED")]) }
    let people = devices(in: region, hour: (start ?? call.now).hour)
    guard people >= call.data.settings.countMinimum else {
      return .ok(["count": .integer(0), "status": .string("DENSITY_BELOW_PRIVACY_THRESHOLD")])
    }
    return .ok([
      "count": .integer(people), "status": .string(covered >= 1 ? "SUPPORTED_AREA" : "PART_OF_AREA_NOT_SUPPORTED"),
    ])
  }

  /// How much of an area is covered: of its middle and the corners of its surroundings.
  private static func share(of area: Place.Area, within coverage: Box) -> Double {
    let points: [Point]
    switch area {
    case .polygon(let polygon): points = polygon.boundary
    case .circle(let circle):
      let (north, east) = (
        circle.radiusMetres / 111_195, circle.radiusMetres / 111_195 / max(0.01, cos(circle.center.latitude * .pi / 180))
      )
      points = [(0, 0), (north, 0), (-north, 0), (0, east), (0, -east)].map {
        Point(latitude: circle.center.latitude + $0.0, longitude: circle.center.longitude + $0.1)
      }
    }
    return Double(points.count { coverage.contains($0) }) / Double(points.count)
  }

  private static func devices(in area: Place.Area, hour: Int) -> Int {
    let cell = GeohashGrid(precision: 5).cell(at: area.circle.center).geohash
    let density = max(10, peoplePerSquareKilometre(cell, hour: hour))
    return Int(min(60_000_000, area.surfaceSquareMetres / 1_000_000 * Double(density)))
  }

  /// Made up; 0 where nothing is known.
  private static func peoplePerSquareKilometre(_ geohash: String, hour: Int) -> Int {
    let digest = geohash.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
    guard digest >> 28 != 0 else { return 0 }
    let byNight = Int(digest >> 8 & 0xFFF)
    return byNight * ((7...20).contains(hour) ? 2 : 1)
  }
}

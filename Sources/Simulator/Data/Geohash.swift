/// The cells of the geohash system at one precision: halving longitude and latitude in turn, five halvings a character.
struct GeohashGrid: Sendable {
  struct Cell: Sendable {
    let geohash: String
    let center: Point
  }

  private static let alphabet = Array("0123456789bcdefghjkmnpqrstuvwxyz")

  let precision: Int
  private let columns: Int
  private let rows: Int

  /// - Parameter precision: characters of a cell's name, 1 to 12.
  init(precision: Int) {
    self.precision = precision
    let bits = precision * 5
    columns = 1 << ((bits + 1) / 2)
    rows = 1 << (bits / 2)
  }

  /// How many cells a box touches; at most as many as an `Int32` holds.
  func count(in box: Box) -> Int {
    let (x, y) = ranges(box)
    let (count, overflow) = x.count.multipliedReportingOverflow(by: y.count)
    return overflow ? Int(Int32.max) : min(count, Int(Int32.max))
  }

  /// The cells that a box touches, from the south-west on.
  func cells(in box: Box) -> [Cell] {
    let (x, y) = ranges(box)
    return y.flatMap { row in x.map { column in cell(column, row) } }
  }

  func cell(at point: Point) -> Cell { cell(column(point.longitude), row(point.latitude)) }

  private func ranges(_ box: Box) -> (ClosedRange<Int>, ClosedRange<Int>) {
    (column(box.west)...column(box.east), row(box.south)...row(box.north))
  }

  private func column(_ longitude: Double) -> Int { min(columns - 1, Int((longitude + 180) / 360 * Double(columns))) }
  private func row(_ latitude: Double) -> Int { min(rows - 1, Int((latitude + 90) / 180 * Double(rows))) }

  private func cell(_ column: Int, _ row: Int) -> Cell {
    let bits = precision * 5
    var name = ""
    var value = 0
    for bit in 0..<bits {
      // Even bits are of the longitude, the first of them its highest.
      let isLongitude = bit % 2 == 0
      let width = isLongitude ? (bits + 1) / 2 : bits / 2
      let digit = (isLongitude ? column : row) >> (width - 1 - bit / 2) & 1
      value = value << 1 | digit
      if bit % 5 == 4 {
        name.append(Self.alphabet[value])
        value = 0
      }
    }
    let center = Point(
      latitude: (Double(row) + 0.5) / Double(rows) * 180 - 90, longitude: (Double(column) + 0.5) / Double(columns) * 360 - 180)
    return Cell(geohash: name, center: center)
  }
}

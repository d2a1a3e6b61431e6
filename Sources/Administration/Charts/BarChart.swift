import Pages

/// Stacked bars as inline SVG: no script, no style attribute; colours are classes of the page's style sheet.
struct BarChart {
  struct Column {
    /// For the axis; empty: no mark.
    var mark: String
    /// For who points at a bar.
    var name: String
    /// One for each series.
    var values: [Int]
  }

  private static let width = 1240
  private static let height = 320
  private static let left = 130
  private static let bottom = 40
  private static let top = 20

  private static let frame = Template(PackageResources.chart_html)
  private static let bar = Template(PackageResources.chart_bar_html)
  private static let grid = Template(PackageResources.chart_grid_html)
  private static let mark = Template(PackageResources.chart_mark_html)
  private static let key = Template(PackageResources.chart_key_html)

  /// What the picture shows, for who does not see it.
  var label: String
  /// Names of the series; more than eight have no colour of their own.
  var series: [String]
  var columns: [Column]

  func render() -> Markup {
    let top = Self.ceiling(columns.map { $0.values.reduce(0, +) }.max() ?? 0)
    return Self.frame.render([
      "width": .text("\(Self.width)"), "height": .text("\(Self.height)"), "label": .text(label),
      "grid": .markup(Markup([0, top / 2, top].map { line(at: $0, of: top) })),
      "bars": .markup(Markup(columns.indices.flatMap { bars(of: $0, of: top) })),
      "marks": .markup(Markup(columns.indices.filter { !columns[$0].mark.isEmpty }.map(mark))),
      "legend": .markup(
        Markup(series.enumerated().map { Self.key.render(["series": .text("\($0.offset)"), "name": .text($0.element)]) })),
    ])
  }

  private func line(at value: Int, of top: Int) -> Markup {
    Self.grid.render([
      "from": .text("\(Self.left)"), "to": .text("\(Self.width)"), "label": .text("\(Self.left - 12)"),
      "y": .text("\(Self.y(value, of: top))"), "text": .text("\(value)"),
    ])
  }

  private func bars(of index: Int, of top: Int) -> [Markup] {
    var bars: [Markup] = []
    var below = 0
    for (series, value) in columns[index].values.enumerated() where value > 0 {
      let (lower, upper) = (Self.y(below, of: top), Self.y(below + value, of: top))
      below += value
      bars.append(
        Self.bar.render([
          "series": .text("\(series)"), "x": .text("\(x(index) + 3)"), "y": .text("\(min(upper, lower - 1))"),
          "width": .text("\(max(1, step - 6))"), "height": .text("\(max(1, lower - upper))"),
          "title": .text("\(columns[index].name): \(value) \(self.series[series])"),
        ]))
    }
    return bars
  }

  private func mark(_ index: Int) -> Markup {
    Self.mark.render([
      "x": .text("\(x(index) + step / 2)"), "y": .text("\(Self.height - 8)"), "text": .text(columns[index].mark),
    ])
  }

  private var step: Int { (Self.width - Self.left) / max(1, columns.count) }
  private func x(_ index: Int) -> Int { Self.left + index * step }

  private static func y(_ value: Int, of top: Int) -> Int {
    let room = height - bottom - Self.top
    return height - bottom - Int((Double(value) / Double(max(1, top)) * Double(room)).rounded())
  }

  /// The next of 2, 4, 10, 20, 40, 100...: halves of it are whole.
  static func ceiling(_ value: Int) -> Int {
    var power = 1
    while true {
      for step in [2, 4, 10] where value <= step * power { return step * power }
      let (next, overflow) = power.multipliedReportingOverflow(by: 10)
      guard !overflow, next < Int.max / 10 else { return value }
      power = next
    }
  }
}

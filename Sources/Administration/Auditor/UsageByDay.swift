import Accounting
import Bytes
import Identifiers
import Store

/// Calls of each client on each of some days, for a chart.
struct UsageByDay {
  struct Client {
    var id: ClientID
    var counts = UsageCounts()
    /// Calls, one number for each day.
    var days: [Int]
  }

  /// Days since 1970 UTC.
  private let firstDay: Int
  private let seriesMaximum: Int
  private let dayCount: Int
  /// The one with the most calls first.
  let clients: [Client]

  init(rows: [UsageRow], firstDay: Int, seriesMaximum: Int, dayCount: Int = AuditorSite.days) {
    self.firstDay = firstDay
    self.seriesMaximum = seriesMaximum
    self.dayCount = dayCount
    var found: [ClientID: Client] = [:]
    for row in rows where (firstDay..<firstDay + dayCount).contains(row.hour / 24) {
      let empty = Client(id: row.client, days: [Int](repeating: 0, count: dayCount))
      found[row.client, default: empty].days[row.hour / 24 - firstDay] += row.calls
      found[row.client]!.counts.add(row)
    }
    clients = found.values.sorted { ($1.counts.calls, $0.id) < ($0.counts.calls, $1.id) }
  }

  var chart: BarChart {
    let shown = clients.prefix(seriesMaximum)
    let rest = clients.dropFirst(seriesMaximum)
    let columns = (0..<dayCount).map { index in
      let day = String(Timestamp(seconds: Int64(firstDay + index) * 86_400).rfc3339.prefix(10))
      return BarChart.Column(
        mark: index % 7 == dayCount % 7 ? String(day.suffix(5)) : "", name: day,
        values: shown.map { $0.days[index] } + (rest.isEmpty ? [] : [rest.reduce(0) { $0 + $1.days[index] }]))
    }
    let calls = clients.reduce(0) { $0 + $1.counts.calls }
    return BarChart(
      label: "Calls by client and day: \(calls) in \(dayCount) days; the table below has the sums",
      series: shown.map(\.id.rawValue) + (rest.isEmpty ? [] : ["\(rest.count) others"]), columns: columns)
  }
}

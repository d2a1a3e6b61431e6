import Identifiers

extension MonthlyStatement {
  /// RFC 4180, with a header: the lines, then the totals, told apart by the first column. A line's amount is exact, a total's is rounded.
  public var csv: [UInt8] {
    let header = [
      "kind", "client_id", "month", "api", "operation", "plan", "plan_version", "charged", "free", "quantity", "unit_price",
      "amount",
      "currency",
    ]
    var rows = [header]
    for line in lines {
      rows.append([
        "line", client.rawValue, "\(month)", line.api, line.operation, line.plan ?? "", line.planVersion ?? "",
        line.charging.rawValue, line.isFree ? "yes" : "no", "\(line.quantity)", "\(line.price)", "\(line.amount)",
        line.currency.rawValue,
      ])
    }
    for total in totals {
      rows.append(
        ["total", client.rawValue, "\(month)"] + [String](repeating: "", count: 8)
          + [total.rounded.text(in: total.currency), total.currency.rawValue])
    }
    return Array(rows.map { $0.map(Self.cell).joined(separator: ",") + "\r\n" }.joined().utf8)
  }

  /// A cell that a spreadsheet would take for a formula gets an apostrophe in front: names are other people's.
  static func cell(_ text: String) -> String {
    let safe = text.utf8.first.map { "=+-@\t\r".utf8.contains($0) } == true ? "'" + text : text
    guard safe.utf8.contains(where: { ",\"\r\n'".utf8.contains($0) }) else { return safe }
    var quoted = "\""
    for character in safe.unicodeScalars { quoted += character == "\"" ? "\"\"" : String(character) }
    return quoted + "\""
  }
}

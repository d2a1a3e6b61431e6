import Accounting
import Bytes
import JOSE
import Pages
import Wire

/// A statement as one printable page in one file: nothing of it comes from elsewhere, so that it can be kept and sent.
enum StatementPage {
  private static let page = Template(PackageResources.statement_html)
  private static let total = Template(PackageResources.statement_total_html)
  private static let line = Template(PackageResources.statement_line_html)
  private static let operation = Template(PackageResources.statement_operation_html)
  private static let nothing = Template(PackageResources.statement_nothing_html)

  /// What the page may do, in its file and in its answer: its own style sheet, known by its digest, and nothing else.
  static let policy: String = {
    let file = String(decoding: PackageResources.statement_html, as: UTF8.self)
    let style = file.components(between: "<style>", and: "</style>")
    // CSP3 §2.3.1 wants base64 with its padding.
    let digest = String(SHA256.digest(Array(style.utf8)).base64url.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }) + "="
    return "default-src 'none'; style-src 'sha256-\(digest)'; base-uri 'none'; form-action 'none'"
  }()

  static func answer(_ statement: MonthlyStatement) -> HTTPResponse {
    HTTPResponse(
      status: 200,
      fields: [
        ("content-type", "text/html; charset=utf-8"), ("content-security-policy", policy + "; frame-ancestors 'none'"),
        ("x-frame-options", "DENY"), ("cache-control", "no-store"), ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"), ("cross-origin-resource-policy", "same-origin"),
      ], body: render(statement).bytes)
  }

  static func render(_ statement: MonthlyStatement) -> Markup {
    let made = String(statement.madeAt.rfc3339.prefix(16)) + "Z"
    return page.render([
      "policy": .text(policy), "title": .text("Statement \(statement.month), \(statement.client)"), "operator": "Passerelle",
      "heading": .text("Statement for \(statement.month)"),
      "client": .text(statement.clientName.map { "\($0) (\(statement.client))" } ?? statement.client.rawValue),
      "standing": .text(
        statement.isFinal
          ? "The whole month, made \(made)."
          : statement.hasBegun ? "So far: the month is not over. Made \(made)." : "The month has not begun. Made \(made)."),
      "totals": .markup(Markup(statement.totals.map(total))),
      "lines": .markup(list(statement.lines.map(line), none: "Nothing is charged.")),
      "chart": .markup(chart(statement).render()),
      "operations": .markup(list(statement.operations.map(operation), none: "Nothing was called.")),
      "rounding": .text("Months and days are those of UTC. " + sentence(MonthlyStatement.rounding)),
      "source": .text("Counted from the ledger up to its entry \(statement.countedUpTo). Refused calls are never charged."),
      "prices": .text("Prices in force, by their digest: \(statement.pricesDigest)"),
    ])
  }

  private static func list(_ rows: [Markup], none: String) -> Markup {
    rows.isEmpty ? nothing.render(["text": .text(none)]) : Markup(rows)
  }

  private static func total(_ total: MonthlyStatement.Total) -> Markup {
    let exact = total.exact == total.rounded ? "" : "rounded from \(total.exact.text(in: total.currency)) \(total.currency)"
    return Self.total.render([
      "amount": .text(total.rounded.text(in: total.currency)), "exact": .text(exact), "currency": .text(total.currency.rawValue),
    ])
  }

  private static func line(_ line: MonthlyStatement.Line) -> Markup {
    let plan = (line.plan ?? "list price") + (line.planVersion.map { " of \($0)" } ?? "")
    return Self.line.render([
      "operation": .text("\(line.operation) (\(line.api))"),
      "plan": .text(plan + (line.isFree ? ", free quota" : line.charging == .call ? ", per call" : "")),
      "quantity": .text("\(line.quantity)"), "price": .text("\(line.price.text(in: line.currency)) \(line.currency)"),
      "amount": .text("\(line.amount.text(in: line.currency)) \(line.currency)"),
    ])
  }

  private static func operation(_ operation: MonthlyStatement.Operation) -> Markup {
    let counts = operation.counts
    return Self.operation.render([
      "operation": .text("\(operation.operation) (\(operation.api))"), "calls": .text("\(counts.calls)"),
      "succeeded": .text("\(counts.succeeded)"), "refused": .text("\(counts.refused)"), "failed": .text("\(counts.failed)"),
    ])
  }

  private static func chart(_ statement: MonthlyStatement) -> BarChart {
    let calls = statement.days.reduce(0) { $0 + $1.calls }
    return BarChart(
      label: "Calls by day of \(statement.month): \(calls) in all; the tables have the numbers",
      series: ["succeeded", "refused", "failed"],
      columns: statement.days.enumerated().map { index, counts in
        BarChart.Column(
          mark: index % 5 == 0 ? "\(index + 1)" : "", name: statement.day(index),
          values: [counts.succeeded, counts.refused, counts.failed])
      })
  }

  private static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }
}

extension String {
  /// What stands between two marks, each of which is there once.
  fileprivate func components(between start: String, and end: String) -> String {
    var rest = self[...]
    while !rest.isEmpty, !rest.hasPrefix(start) { rest = rest.dropFirst() }
    rest = rest.dropFirst(start.count)
    var found = ""
    while !rest.isEmpty, !rest.hasPrefix(end) { found.append(rest.removeFirst()) }
    return found
  }
}

import Accounting
import Wire

/// As what a statement is given out.
enum StatementFormat: String {
  case json, csv, html

  func answer(_ statement: MonthlyStatement) -> HTTPResponse {
    switch self {
    case .json: HTTPResponse.json(200, statement.json)
    case .csv:
      HTTPResponse(
        status: 200,
        fields: [
          ("content-type", "text/csv; charset=utf-8; header=present"), ("cache-control", "no-store"),
          ("x-content-type-options", "nosniff"),
          ("content-disposition", "attachment; filename=\"statement-\(statement.month).csv\""),
        ], body: statement.csv)
    case .html: StatementPage.answer(statement)
    }
  }
}

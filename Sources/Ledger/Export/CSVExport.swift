import Bytes

/// Entries as rows of a table (RFC 4180): a header, CRLF, text in quotes.
///
/// A spreadsheet takes text that begins with `=`, `+`, `-`, `@` or a tab for a formula, and a correlator is whatever a client sends (A33).
/// Such text gets an apostrophe before it, which spreadsheets do not show. Control characters and what else ends a line somewhere are
/// written as in JSON.
enum CSVExport {
  private static let columns = [
    "seq", "time", "event", "client_id", "subject", "api", "operation", "scopes", "purpose", "legal_basis", "consent_id",
    "decision",
    "reason", "categories", "status", "upstream_status", "duration_us", "correlator", "request_bytes", "response_bytes", "detail",
  ]

  static var header: [UInt8] { Array((columns.joined(separator: ",") + "\r\n").utf8) }

  static func append(_ row: LedgerRow, to bytes: inout [UInt8]) {
    let entry = row.entry
    let cells = [
      String(row.sequence), row.time.rfc3339, text(entry.event), text(entry.clientID), text(entry.subject), text(entry.api),
      text(entry.operation), text(entry.scopes?.joined(separator: " ")), text(entry.purpose), text(entry.legalBasis),
      text(entry.consentID), text(entry.decision), text(entry.reason), text(entry.categories?.joined(separator: " ")),
      number(entry.status), number(entry.upstreamStatus), number(entry.durationMicroseconds), text(entry.correlator),
      number(entry.requestBytes), number(entry.responseBytes),
      text(entry.detail.isEmpty ? nil : entry.detail.map { "\($0.key)=\($0.value)" }.joined(separator: "; ")),
    ]
    bytes += cells.joined(separator: ",").utf8
    bytes += [0x0D, 0x0A]
  }

  private static func number(_ value: Int?) -> String { value.map(String.init) ?? "" }

  private static func text(_ value: String?) -> String {
    guard let value else { return "" }
    var cell = "\""
    // The full-width forms too: some programs take them for the same.
    if let first = value.unicodeScalars.first, "=+-@\t\r\n＝＋－＠".unicodeScalars.contains(first) { cell += "'" }
    for scalar in value.unicodeScalars {
      switch scalar.value {
      case 0x22: cell += "\"\""
      case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069:
        let digits = String(scalar.value, radix: 16)
        cell += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: cell.unicodeScalars.append(scalar)
      }
    }
    return cell + "\""
  }
}

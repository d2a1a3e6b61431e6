import Bytes
import JOSE
import Ledger
import Store

/// `usage check`: reads the ledger's files and the database beside a running gateway, and changes nothing.
enum UsageCheckReport {
  static func run(_ arguments: Arguments) throws {
    let configuration = try Command.configuration(arguments)
    let read = try Installation(configuration).readStores { stores, keys in
      try UsageCheck.run(directory: configuration.ledgerFolder, store: stores.usage, key: keys.audit.verificationKey)
    }
    guard let report = read else { throw CommandFailure("\(configuration.data): there is nothing counted here yet") }
    if arguments.flag("--json") { Output.json(json(report)) } else { print(report) }
    if !report.isRight { throw CommandFailure("") }
  }

  private static func print(_ report: UsageCheck.Report) {
    if let fault = report.fault {
      Output.line("usage: NOT PROVED: \(fault)")
    } else if report.differenceCount == 0 {
      Output.line(
        "usage: equals the ledger up to entry \(report.position): \(report.callCount) calls, \(report.rowCount) rows")
      if report.uncheckedRowCount > 0 {
        Output.line(
          "  \(report.uncheckedRowCount) rows are of hours whose entries retention has removed; they stand as they were counted")
      }
      return
    } else {
      Output.line("usage: DIFFERS from the ledger in \(report.differenceCount) rows, up to entry \(report.position)")
    }
    let rows = report.differences.map { difference in
      [
        difference.row.client.rawValue, String(difference.row.period.rfc3339.prefix(13)) + ":00Z", difference.row.api,
        difference.row.operation, "\(difference.row.statusClass)xx", counts(difference.ledger), counts(difference.counted),
      ]
    }
    guard !rows.isEmpty else { return }
    Output.table(["client", "hour", "api", "operation", "status", "in the ledger", "counted"], rows, none: "")
    if report.differenceCount > rows.count { Output.line("and \(report.differenceCount - rows.count) more") }
    Output.line("usage rebuild counts the ledger anew")
  }

  private static func counts(_ row: UsageRow?) -> String {
    row.map { "\($0.calls) calls: \($0.succeeded) succeeded, \($0.refused) refused, \($0.failed) failed" } ?? "none"
  }

  private static func json(_ report: UsageCheck.Report) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("ok", report.isRight)
    writer.field("counted_up_to", Int(report.position))
    writer.field("calls", report.callCount)
    writer.field("rows", report.rowCount)
    writer.field("unchecked_rows", report.uncheckedRowCount)
    if let fault = report.fault { writer.field("fault", fault) }
    writer.field("difference_count", report.differenceCount)
    writer.key("differences")
    writer.beginArray()
    for difference in report.differences {
      writer.beginObject()
      writer.field("client_id", difference.row.client.rawValue)
      writer.field("hour", difference.row.period.rfc3339)
      writer.field("api", difference.row.api)
      writer.field("operation", difference.row.operation)
      writer.field("status_class", difference.row.statusClass)
      for (name, row) in [("ledger", difference.ledger), ("counted", difference.counted)] {
        guard let row else { continue }
        writer.key(name)
        write(row, to: &writer)
      }
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }

  private static func write(_ row: UsageRow, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("calls", row.calls)
    writer.field("succeeded", row.succeeded)
    writer.field("refused", row.refused)
    writer.field("failed", row.failed)
    writer.endObject()
  }
}

import Bytes
import Ledger

/// `audit index --check|--rebuild`: the index of searches beside the ledger that it is made from.
enum AuditIndex {
  static func run(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "index")
    guard arguments.flag("--check") != arguments.flag("--rebuild") else {
      throw UsageError("audit index --check, or audit index --rebuild?")
    }
    let configuration = try Command.configuration(arguments)
    let index = try AuditSearch.index(configuration)
    var rows: [(segment: String, state: LedgerIndex.State)] = []
    if arguments.flag("--check") {
      try index.check { rows.append(($0, $1)) }
    } else {
      try index.rebuild { rows.append(($0, $1)) }
    }
    if arguments.flag("--json") { Output.json(json(rows)) } else { print(rows, isCheck: arguments.flag("--check")) }
    if rows.contains(where: { $0.state == .unfit || $0.state == .wrong }) { throw CommandFailure("") }
  }

  private static func print(_ rows: [(segment: String, state: LedgerIndex.State)], isCheck: Bool) {
    for row in rows where row.state != .good { Output.line("\(row.segment): \(sentence(row.state))") }
    let good = rows.count { $0.state == .good }
    Output.line("index: \(good) of \(rows.count) closed segments \(isCheck ? "agree with the ledger" : "indexed anew")")
  }

  private static func sentence(_ state: LedgerIndex.State) -> String {
    switch state {
    case .good: "good"
    case .missing: "no index yet; the next search makes it"
    case .unfit: "its index is damaged, altered, or of another state of the segment; the next search makes it anew"
    case .wrong: "its index says something else than the segment; audit index --rebuild makes it anew"
    case .notIndexable(let reason): "cannot be indexed, and is read line by line: \(reason)"
    }
  }

  private static func json(_ rows: [(segment: String, state: LedgerIndex.State)]) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for row in rows {
      writer.beginObject()
      writer.field("segment", row.segment)
      switch row.state {
      case .good: writer.field("state", "good")
      case .missing: writer.field("state", "missing")
      case .unfit: writer.field("state", "unfit")
      case .wrong: writer.field("state", "wrong")
      case .notIndexable(let reason):
        writer.field("state", "not_indexable")
        writer.field("reason", reason)
      }
      writer.endObject()
    }
    writer.endArray()
    return writer.bytes
  }
}

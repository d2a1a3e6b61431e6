import Bytes

/// `audit retain [--dry-run]`: removes what is older than `ledger.retentionDays`, through the gateway that runs, or in this process.
enum AuditRetention {
  static func run(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 1, "retain")
    var body = JSONWriter()
    body.beginObject()
    body.field("dry_run", arguments.flag("--dry-run"))
    body.endObject()
    let answer = try await Command.send(arguments, "POST", "/ledger/retain", body: body.bytes)
    guard !arguments.flag("--json") else { return Output.json(answer.root.raw) }
    let segments = answer.root["segments"]?.array?.compactMap(\.string) ?? []
    let will = arguments.flag("--dry-run") ? "would be removed" : "removed"
    if let first = answer.root["first"]?.integer, let last = answer.root["last"]?.integer {
      for segment in segments { Output.line(segment) }
      Output.line("entries \(first) to \(last), \(segments.count) segments, \(answer.root["bytes"]?.integer ?? 0) bytes: \(will)")
    } else {
      Output.line("nothing is old enough")
    }
    if let stays = answer.root["stays"]?.string { Output.line("the next stays: \(stays)") }
  }
}

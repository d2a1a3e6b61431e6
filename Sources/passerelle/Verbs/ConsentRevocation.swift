import Bytes

/// `passerelle consents revoke` by subscriber, client or purpose: counts, and with `--yes` withdraws portion by portion. Each portion
/// is whole when its answer comes; a command that was interrupted is simply run again.
enum ConsentRevocation {
  private static let selectors = [("--subject", "subject"), ("--client", "client_id"), ("--purpose", "purpose")]

  static func run(_ arguments: Arguments) async throws {
    guard selectors.contains(where: { arguments.value($0.0) != nil }) else {
      throw UsageError("the consent's ID is missing, or --subject, --client or --purpose")
    }
    guard !(arguments.flag("--yes") && arguments.flag("--dry-run")) else { throw UsageError("--dry-run or --yes, not both") }
    if !arguments.flag("--dry-run") { _ = try arguments.required("--reason") }
    let client = try AdminClient(Command.configuration(arguments))
    defer { client.close() }
    let isDone = arguments.flag("--yes")
    let (count, first) = try await portions(arguments, client, isDryRun: !isDone)
    report(arguments, count, first, isDone: isDone)
    if !isDone && !arguments.flag("--dry-run") && count > 0 {
      throw CommandFailure("nothing is revoked; say --yes to revoke these \(count)")
    }
  }

  private static func portions(
    _ arguments: Arguments, _ client: AdminClient, isDryRun: Bool
  ) async throws -> (count: Int, first: [String]) {
    var (count, first, after) = (0, [String](), String?.none)
    repeat {
      let answer = try await client.send("POST", "/consents/revoke", body: body(arguments, isDryRun: isDryRun, after: after)).root
      count += answer["count"]?.integer ?? 0
      if first.isEmpty { first = (answer["ids"]?.array ?? []).compactMap(\.string) }
      after = answer["next"]?.string
      if !isDryRun, after != nil { Output.error("passerelle: \(count) revoked, going on") }
    } while after != nil
    return (count, first)
  }

  private static func body(_ arguments: Arguments, isDryRun: Bool, after: String?) -> [UInt8] {
    var body = JSONWriter()
    body.beginObject()
    for (option, member) in selectors + [("--reason", "reason"), ("--channel", "channel")] {
      guard let value = arguments.value(option) else { continue }
      body.key(member)
      body.string(value)
    }
    body.field("dry_run", isDryRun)
    if let after { body.field("after", after) }
    body.endObject()
    return body.bytes
  }

  private static func report(_ arguments: Arguments, _ count: Int, _ first: [String], isDone: Bool) {
    guard arguments.flag("--json") else {
      Output.line("\(count) consents \(isDone ? "revoked" : "would be revoked")")
      for id in first { Output.line("  " + id) }
      if count > first.count { Output.line("  ...") }
      return
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("revoked", isDone)
    writer.field("count", count)
    writer.field("ids", first)
    writer.endObject()
    Output.json(writer.bytes)
  }
}

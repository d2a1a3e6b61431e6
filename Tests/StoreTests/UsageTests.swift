import Bytes
import Identifiers
import Store
import Testing

@Suite("Usage")
struct UsageTests {
  let hour = Int(Timestamp(rfc3339: "2026-03-10T12:00:00Z")!.seconds) / 3600

  func row(_ hour: Int, succeeded: Int = 0, refused: Int = 0, failed: Int = 0, status: Int = 2, api: String = "device-identifier")
    -> UsageRow
  {
    UsageRow(
      client: client, api: api, operation: "retrieveIdentifier", hour: hour, statusClass: status,
      calls: succeeded + refused + failed, succeeded: succeeded, refused: refused, failed: failed)
  }

  func position(_ sequence: UInt64) -> LedgerPosition {
    LedgerPosition(sequence: sequence, segment: "000000000001.jsonl", offset: Int(sequence) * 100, hash: digest("\(sequence)"))
  }

  @Test("batches add up, and each counts once")
  func apply() throws {
    let usage = try Fixture().stores.usage
    #expect(try usage.position() == .start)
    let first = UsageBatch(rows: [row(hour, succeeded: 3)], from: .start, to: position(3))
    #expect(try usage.apply(first))
    #expect(try !usage.apply(first), "applied before")
    #expect(try usage.position() == position(3))
    #expect(
      try usage.apply(
        UsageBatch(rows: [row(hour, succeeded: 2), row(hour, failed: 1, status: 5)], from: position(3), to: position(6))))
    #expect(try !usage.apply(UsageBatch(rows: [row(hour, succeeded: 9)], from: position(4), to: position(7))))
    #expect(try usage.rows(UsageFilter()) == [row(hour, succeeded: 5), row(hour, failed: 1, status: 5)])
    #expect(row(hour).period.rfc3339 == "2026-03-10T12:00:00.000000Z")
  }

  @Test("a batch that breaks a rule changes neither rows nor position")
  func whole() throws {
    let usage = try Fixture().stores.usage
    var broken = row(hour, succeeded: 1)
    broken.calls = 7
    #expect(throws: StoreError.self) {
      try usage.apply(UsageBatch(rows: [row(hour, succeeded: 1), broken], from: .start, to: position(2)))
    }
    #expect(try usage.position() == .start)
    #expect(try usage.rows(UsageFilter()).isEmpty)
  }

  @Test("reports are filtered by client, API, operation and hours")
  func filters() throws {
    let usage = try Fixture().stores.usage
    let rows = (0..<5).map { row(hour + $0, succeeded: 1, api: $0 == 4 ? "other" : "device-identifier") }
    #expect(try usage.apply(UsageBatch(rows: rows, from: .start, to: position(5))))
    #expect(try usage.rows(UsageFilter(client: client)).count == 5)
    #expect(try usage.rows(UsageFilter(client: ClientID(rawValue: "other"))).isEmpty)
    #expect(try usage.rows(UsageFilter(api: "other")).count == 1)
    #expect(try usage.rows(UsageFilter(operation: "none")).isEmpty)
    #expect(try usage.rows(UsageFilter(fromHour: hour + 1, toHour: hour + 3)).map(\.hour) == [hour + 1, hour + 2])
  }

  @Test("a snapshot has the position and all its rows")
  func snapshot() throws {
    let usage = try Fixture().stores.usage
    let rows = (0..<50).map { row(hour + $0, succeeded: 1) }
    #expect(try usage.apply(UsageBatch(rows: rows, from: .start, to: position(50))))
    var (found, at): ([UsageRow], LedgerPosition?) = ([], nil)
    try usage.snapshot({ at = $0 }, { found.append($0) })
    #expect(at == position(50))
    #expect(found == rows)
    #expect(try usage.clients() == [client])
  }

  @Test("to replace leaves nothing of what was there, and is whole or not at all")
  func replace() throws {
    let usage = try Fixture().stores.usage
    #expect(try usage.apply(UsageBatch(rows: [row(hour, succeeded: 9)], from: .start, to: position(9))))
    try usage.replace([row(hour + 1, refused: 2, status: 4)], at: position(2))
    #expect(try usage.rows(UsageFilter()) == [row(hour + 1, refused: 2, status: 4)])
    #expect(try usage.position() == position(2))
    var broken = row(hour, succeeded: 1)
    broken.calls = 7
    #expect(throws: StoreError.self) { try usage.replace([row(hour, failed: 1), broken], at: position(3)) }
    #expect(try usage.rows(UsageFilter()) == [row(hour + 1, refused: 2, status: 4)])
    #expect(try usage.position() == position(2))
  }

  @Test("a quota counts what was forwarded in the UTC day and month, and no refusals")
  func quota() throws {
    let usage = try Fixture().stores.usage
    func hours(_ text: String) -> Int { Int(Timestamp(rfc3339: text)!.seconds) / 3600 }
    let rows = [
      row(hours("2026-02-28T23:00:00Z"), succeeded: 1000), row(hours("2026-03-01T00:00:00Z"), succeeded: 100),
      row(hours("2026-03-09T23:00:00Z"), failed: 10), row(hours("2026-03-10T00:00:00Z"), succeeded: 1, refused: 50, failed: 1),
      row(hours("2026-03-10T23:00:00Z"), succeeded: 1), row(hours("2026-03-11T00:00:00Z"), succeeded: 5000),
    ]
    #expect(try usage.apply(UsageBatch(rows: rows, from: .start, to: position(9))))
    let counts = try usage.quotaCounts(client: client, at: Timestamp(rfc3339: "2026-03-10T12:34:56Z")!)
    #expect(counts == QuotaCounts(day: 3, month: 113))
    #expect(
      try usage.quotaCounts(client: ClientID(rawValue: "x")!, at: Timestamp(rfc3339: "2026-03-10T12:34:56Z")!)
        == QuotaCounts(day: 0, month: 0))
    #expect(try usage.quotaCounts(at: Timestamp(rfc3339: "2026-03-10T12:34:56Z")!) == [client: counts])
  }
}

import Bytes
import Foundation
import Identifiers
import Store
import Testing

@testable import Accounting

@Suite("Statements, reports and records")
struct StatementTests {
  /// Usage in memory.
  struct Usage: UsageStore {
    var kept: [UsageRow]
    func apply(_ batch: UsageBatch) throws -> Bool { false }
    func position() throws -> LedgerPosition {
      LedgerPosition(sequence: 77, segment: "000000000001.jsonl", offset: 1, hash: LedgerPosition.start.hash)
    }
    func rows(_ filter: UsageFilter) throws -> [UsageRow] {
      kept.filter {
        (filter.client == nil || $0.client == filter.client) && (filter.operation == nil || $0.operation == filter.operation)
          && $0.hour >= filter.fromHour ?? .min && $0.hour < filter.toHour ?? .max
      }
    }
    func snapshot(_ position: (LedgerPosition) throws -> Void, _ row: (UsageRow) throws -> Void) throws {}
    func replace(_ rows: [UsageRow], at position: LedgerPosition) throws {}
    func clients() throws -> [ClientID] { Array(Set(kept.map(\.client))).sorted() }
    func countForwarded(client: ClientID, fromHour: Int, toHour: Int) throws -> Int { 0 }
  }

  struct Clients: ClientStore {
    func client(_ id: ClientID) throws -> ClientRecord? { nil }
    func all() throws -> [ClientRecord] { [] }
    func add(_ record: ClientRecord) async throws -> Bool { false }
    func save(_ record: ClientRecord) async throws {}
    func setEnabled(_ id: ClientID, _ isEnabled: Bool) async throws -> Bool { false }
    var generation: UInt64 { 0 }
  }

  static let plan = """
    {"plans": {"p": {"currency": "EUR", "prices": [{"price": "0.0333", "freePerMonth": 2, "tiers": [{"from": 6, "price": "0.01"}]}]}},
     "clients": {"shop": [{"plan": "p"}]}}
    """
  static let rows = [
    RatingTests.row("2026-10-31T23", succeeded: 100), RatingTests.row("2026-11-01T00", succeeded: 3),
    RatingTests.row("2026-11-01T00", refused: 4, status: 4), RatingTests.row("2026-11-03T05", succeeded: 4),
    RatingTests.row("2026-11-30T23", failed: 1, status: 5), RatingTests.row("2026-12-01T00", succeeded: 50),
  ]

  static func accounts(_ plan: String = plan, _ rows: [UsageRow] = rows) throws -> AccountBook {
    AccountBook(usage: Usage(kept: rows), clients: Clients(), plans: try RatingTests.book(plan))
  }

  static func statement(_ plan: String = plan, at time: String = "2026-12-05T00:00:00Z") throws -> MonthlyStatement {
    try accounts(plan).statement(of: RatingTests.client, month: Month("2026-11")!, at: Timestamp(rfc3339: time)!)
  }

  @Test("a statement has the month's calls, exact lines, and a total that is rounded once")
  func statement() throws {
    let statement = try Self.statement()
    // Seven charged calls: two free, three at 0.0333, two at 0.01.
    #expect(
      statement.lines.map { "\($0.quantity) x \($0.price) = \($0.amount) \($0.isFree)" } == [
        "2 x 0 = 0 true", "3 x 0.0333 = 0.0999 false", "2 x 0.01 = 0.02 false",
      ])
    #expect(statement.totals.map(\.exact.description) == ["0.1199"])
    #expect(statement.totals.map(\.rounded.description) == ["0.12"])
    #expect(statement.operations.map(\.counts.calls) == [12])
    #expect(
      statement.days.count == 30 && statement.days[0].calls == 7 && statement.days[2].succeeded == 4
        && statement.days[29].failed == 1)
    #expect(statement.countedUpTo == 77)
  }

  @Test("it is final when the month is over, not before")
  func final() throws {
    #expect(try !Self.statement(at: "2026-11-30T23:59:59Z").isFinal)
    #expect(try Self.statement(at: "2026-12-01T00:00:00Z").isFinal)
    for (time, hasBegun) in [("2026-10-31T23:59:59Z", false), ("2026-11-01T00:00:00Z", true), ("2027-01-01T00:00:00Z", true)] {
      #expect(try Self.statement(at: time).hasBegun == hasBegun)
    }
  }

  @Test("after a change of plan the same usage is rated anew, and the digest of the prices tells")
  func again() throws {
    let changed = try Self.statement(Self.plan.replacing("0.0333", with: "0.5"))
    #expect(changed.totals.map(\.exact.description) == ["1.52"])
    #expect(try changed.pricesDigest != Self.statement().pricesDigest)
    #expect(try Self.statement().pricesDigest == Self.statement().pricesDigest)
  }

  @Test("hours, days and months add up to the statement, to the last millionth", arguments: ["hour", "day", "month"])
  func reports(_ name: String) throws {
    let month = Month("2026-11")!
    let filter = UsageFilter(fromHour: month.startHour, toHour: month.endHour)
    let sums = try Self.accounts().report(filter, by: UsagePeriod(rawValue: name)!)
    #expect(sums.reduce(Amount.zero) { $0 + $1.amount }.description == "0.1199")
    #expect(sums.reduce(0) { $0 + $1.counts.calls } == 12)
    // From the third day on: numbers go on from those before.
    let later = UsageFilter(fromHour: RatingTests.hour("2026-11-03T00"), toHour: month.endHour)
    #expect(try Self.accounts().report(later, by: .month).map(\.amount.description) == ["0.0866"])
  }

  @Test("months of 28, 29, 30 and 31 days")
  func months() {
    for (text, days) in [("2026-02", 28), ("2028-02", 29), ("2026-11", 30), ("2026-12", 31)] {
      #expect(Month(text)?.days == days)
    }
    for text in ["2026-13", "2026-00", "2026-1", "2026-11-01", "26-11", ""] { #expect(Month(text) == nil, "\(text)") }
    #expect(Month("2026-12")?.next.description == "2027-01")
  }

  @Test("the months at both ends of what a time can say are months")
  func ends() throws {
    let last = try #require(Month("9999-12"))
    #expect(last.days == 31 && last.endHour == last.startHour + 31 * 24 && last.next.description == "10000-01")
    for (text, month) in [
      ("9999-12-31T23:59:59-23:59", "10000-01"), ("0000-01-01T00:00:00+00:01", "-0001-12"), ("0000-01-01T00:00:00Z", "0000-01"),
    ] {
      let time = try #require(Timestamp(rfc3339: text))
      #expect(Month(containing: time).description == month)
      let hour = Int(time.seconds / 3600)
      #expect(Month(containing: hour).startHour <= hour)
      // All that the admin API takes as a beginning or an end.
      let filter = UsageFilter(fromHour: hour, toHour: hour)
      for period in ["hour", "day", "month"] {
        #expect(try Self.accounts().report(filter, by: UsagePeriod(rawValue: period)!).isEmpty)
      }
    }
    for text in ["9999-12", "0000-01"] {
      let month = try #require(Month(text))
      let statement = try Self.accounts().statement(of: RatingTests.client, month: month, at: Timestamp(seconds: 0))
      #expect(statement.days.count == 31 && !statement.json.isEmpty && !statement.csv.isEmpty)
      #expect(try UsageRecords(Self.accounts(), month: month, at: Timestamp(seconds: 0)).json(client: nil) == Array("[]".utf8))
    }
  }

  @Test("CSV has lines and totals, and no cell is a formula")
  func csv() throws {
    let rows = String(decoding: try Self.statement().csv, as: UTF8.self).components(separatedBy: "\r\n")
    #expect(rows[0].hasPrefix("kind,client_id,month,api"))
    #expect(rows[2] == "line,shop,2026-11,a,o,p,,success,no,3,0.0333,0.0999,EUR")
    #expect(rows[4] == "total,shop,2026-11,,,,,,,,,0.12,EUR")
    for (cell, safe) in [
      ("=1+1", "\"'=1+1\""), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("plain", "plain"), ("@x", "\"'@x\""),
    ] {
      #expect(MonthlyStatement.cell(cell) == safe)
    }
  }

  @Test("JSON amounts are decimals in strings")
  func json() throws {
    let root = try JSONDocument(try Self.statement().json).root
    #expect(root["totals"]?.array?[0]["amount"]?.string == "0.12" && root["totals"]?.array?[0]["exact"]?.string == "0.1199")
    #expect(root["days"]?.array?.count == 30 && root["lines"]?.array?.count == 3)
  }

  @Test("usage records have TMF635's names, and add up to the statement")
  func records() throws {
    let records = UsageRecords(try Self.accounts(), month: Month("2026-11")!, at: Timestamp(rfc3339: "2026-12-05T00:00:00Z")!)
    let list = try #require(try JSONSerialization.jsonObject(with: Data(records.json(client: nil))) as? [[String: Any]])
    #expect(list.count == 3 && Set(list.compactMap { $0["id"] as? String }).count == 3)
    let first = list[0]
    #expect(first["id"] as? String == "shop:a:o:2026-11-01" && first["usageType"] as? String == "API call")
    #expect(first["usageDate"] as? String == "2026-11-01T00:00:00.000000Z" && first["status"] as? String == "rated")
    let party = (first["relatedParty"] as? [[String: Any]])?.first
    #expect(party?["id"] as? String == "shop")
    let values = list.compactMap {
      ($0["ratedProductUsage"] as? [[String: Any]])?.first?["taxExcludedRatingAmount"] as? [String: Any]
    }
    #expect(values.map { "\($0["value"]!) \($0["unit"]!)" } == ["0.0333 EUR", "0.0866 EUR", "0 EUR"])
    let characteristics = try #require(first["usageCharacteristic"] as? [[String: Any]])
    #expect(characteristics.first { $0["name"] as? String == "calls" }?["value"] as? Int == 7)
  }

  @Test("who is not known and used nothing has no statement")
  func unknown() throws {
    #expect(throws: AccountingError.unknownClient) {
      try Self.accounts().statement(of: ClientID(rawValue: "x")!, month: Month("2026-11")!, at: Timestamp(seconds: 0))
    }
  }
}

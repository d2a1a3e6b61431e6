import Bytes
import Foundation
import Store
import Testing

@testable import Ledger

/// The newest first, and no claim to more than was looked at.
@Suite("Looking back in the ledger")
struct LookbackTests {
  /// Calls of two subscribers in turn, a second apart, over several segments.
  private func ledger(_ count: Int) throws -> Folder {
    let folder = Folder()
    let clock = ManualTime(Timestamp(rfc3339: "2026-03-10T12:00:00Z")!)
    let writer = try LedgerWriter(directory: folder.ledger, time: clock, options: LedgerOptions(segmentBytesMaximum: 4096))
    for number in 0..<count {
      try writer.appendNow(call(number, subject: number % 2 == 0 ? "subject-1" : "subject-2"))
      clock.advance(seconds: 1)
    }
    writer.close()
    return folder
  }

  private func look(_ folder: Folder, limit: Int = 1000, bytes: Int = .max, seconds: Int = 60) throws -> LedgerLookback.Finding {
    try LedgerLookback(
      directory: folder.ledger, filter: LedgerFilter(subject: "subject-1", event: "api.call", limit: limit), bytesMaximum: bytes,
      secondsMaximum: seconds
    ).look()
  }

  private func numbers(_ finding: LedgerLookback.Finding) -> [Int] {
    finding.rows.compactMap { $0.entry.correlator.flatMap { Int($0.dropFirst("correlator-".count)) } }
  }

  @Test("it gives everything of one subscriber, newest first, over all segments")
  func all() throws {
    let folder = try ledger(60)
    #expect(folder.segments.count > 3)
    let finding = try look(folder)
    #expect(numbers(finding) == stride(from: 58, through: 0, by: -2).map(\.self))
    #expect(finding.since == nil)
  }

  @Test("an empty ledger has nothing, and that is all of it")
  func empty() throws {
    let finding = try look(try ledger(0))
    #expect(finding.rows.isEmpty && finding.since == nil)
  }

  @Test("as many as may be are all there are, one fewer are not", arguments: [29, 30, 31])
  func limit(_ limit: Int) throws {
    let finding = try look(try ledger(60), limit: limit)
    #expect(finding.rows.count == min(limit, 30))
    #expect((finding.since == nil) == (limit > 29))
    if limit == 29 { #expect(finding.since == finding.rows.last?.time) }
  }

  @Test("with few bytes it says since when everything was looked at, and leaves nothing out from then on")
  func bytes() throws {
    let folder = try ledger(60)
    let whole = try look(folder)
    var seen: Set<Int> = []
    for bytes in stride(from: 1, through: 30_000, by: 977) {
      let finding = try look(folder, bytes: bytes)
      seen.insert(finding.rows.count)
      guard let since = finding.since else {
        // Nothing was reached, or everything was.
        #expect(finding.rows.isEmpty || finding.rows.count == whole.rows.count)
        continue
      }
      #expect(numbers(finding) == numbers(whole).prefix(finding.rows.count).map(\.self))
      #expect(whole.rows.filter { $0.time >= since }.count == finding.rows.count)
    }
    #expect(seen.count > 5, "different bounds give different findings")
  }

  @Test("with no time at all nothing is looked at")
  func seconds() throws {
    #expect(try look(try ledger(20), seconds: 0).rows.isEmpty)
  }

  @Test("a value that only looks like the subscriber's is not theirs")
  func others() throws {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    var entry = call(1, subject: "subject-2")
    entry.reason = "subject-1"
    try writer.appendNow(entry)
    try writer.appendNow(call(2, subject: "subject-10"))
    writer.close()
    #expect(try look(folder).rows.isEmpty)
  }

  @Test("many may ask at once; too many are refused, and later ones are not")
  func crowd() async throws {
    let folder = try ledger(60)
    let lookback = LedgerLookback(
      directory: folder.ledger, filter: LedgerFilter(subject: "subject-1", event: "api.call", limit: 1000), bytesMaximum: .max,
      secondsMaximum: 60)
    let outcomes = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<200 { group.addTask { (try? await lookback.run()) != nil } }
      return await group.reduce(into: [Bool]()) { $0.append($1) }
    }
    #expect(outcomes.contains(true))
    #expect(try await lookback.run().rows.count == 30)
  }
}

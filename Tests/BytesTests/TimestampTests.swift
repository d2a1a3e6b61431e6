import Foundation
import Testing

@testable import Bytes

@Suite struct TimestampTests {
  static let moments: [(String, Int64)] = [
    ("1970-01-01T00:00:00Z", 0), ("2026-01-02T03:04:05.678901Z", 1_767_323_045_678_901), ("1969-12-31T23:59:59.999999Z", -1),
    ("2000-02-29T12:00:00Z", 951_825_600_000_000), ("2024-02-29T23:59:59Z", 1_709_251_199_000_000),
    ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999), ("2026-01-01T00:00:00+01:00", 1_767_222_000_000_000),
    ("2025-12-31T19:30:00-04:30", 1_767_225_600_000_000), ("2026-01-01t00:00:00z", 1_767_225_600_000_000),
    ("2026-01-01T00:00:00.1Z", 1_767_225_600_100_000), ("2026-01-01T00:00:00.1234567891Z", 1_767_225_600_123_456),
    ("2026-01-01T00:00:00-00:00", 1_767_225_600_000_000), ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
  ]

  @Test(arguments: moments) func rfc3339IsRead(_ text: String, _ microseconds: Int64) {
    #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
  }

  @Test(arguments: [
    "", "2026", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
    "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00,5Z",
    "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00Z",
    "2026-1-1T00:00:00Z",
    "2026-01-01T00:00:00ZZ", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n", "-026-01-01T00:00:00Z", "+2026-01-01T00:00:00Z",
    "20260101T000000Z", "２０２６-01-01T00:00:00Z",
  ]) func anythingElseIsRefused(_ text: String) { #expect(Timestamp(rfc3339: text) == nil) }

  @Test func itIsWrittenAsRFC3339WithSixDigits() {
    #expect(Timestamp(seconds: 0).rfc3339 == "1970-01-01T00:00:00.000000Z")
    #expect(Timestamp(microseconds: 1_767_323_045_678_901).rfc3339 == "2026-01-02T03:04:05.678901Z")
    #expect(Timestamp(microseconds: -1).rfc3339 == "1969-12-31T23:59:59.999999Z")
  }

  @Test func writingAndReadingAgreeWithFoundation() throws {
    var generator = SeededGenerator(seed: 3)
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    for _ in 0..<2_000 {
      // From 1600 to 2999: Foundation's calendar changes to the Julian one before 1582.
      let moment = Timestamp(microseconds: Int64.random(in: -11_676_096_000_000_000...32_503_679_999_999_999, using: &generator))
      #expect(Timestamp(rfc3339: moment.rfc3339) == moment)
      let parts = calendar.dateComponents(
        [.year, .month, .day, .hour], from: Date(timeIntervalSince1970: Double(moment.seconds)))
      #expect((moment.year, moment.month, moment.day) == (parts.year!, parts.month!, parts.day!))
      #expect(moment.hour == parts.hour)
    }
  }

  @Test func secondsAreRoundedDown() {
    #expect(Timestamp(microseconds: 1_999_999).seconds == 1)
    #expect(Timestamp(microseconds: -1).seconds == -1)
    #expect(Timestamp(microseconds: -1_000_000).seconds == -1)
    #expect(Timestamp(microseconds: -1_000_001).seconds == -2)
  }

  /// Numbers in a token are the sender's choice: none may trap, and none may wrap round to a harmless one.
  @Test(arguments: [Int64.min, .min + 1, -1_000_000_000_000_000, 1_000_000_000_000_000, .max - 1, .max])
  func hostileNumbersAreClamped(_ number: Int64) {
    for moment in [Timestamp(seconds: number), Timestamp(microseconds: number), Timestamp(seconds: 0).adding(seconds: number)] {
      #expect(moment.rfc3339.utf8.count == 27)
      #expect((0...23).contains(moment.hour) && (1...12).contains(moment.month) && (1...31).contains(moment.day))
      #expect((moment.seconds < 0) == (number < 0))
      let other = Timestamp(seconds: number < 0 ? 1_700_000_000 : -1_700_000_000)
      #expect((moment - other < 0) == (moment < other))
      #expect((other - moment < 0) == (other < moment))
      #expect((moment.adding(seconds: number) < Timestamp(seconds: 0)) == (number < 0))
    }
  }

  @Test func comparingAndCounting() {
    let moment = Timestamp(seconds: 1_700_000_000)
    #expect(moment.adding(seconds: 60) - moment == 60_000_000)
    #expect(moment < moment.adding(seconds: 1))
    #expect(moment.adding(seconds: -1) < moment)
  }

  @Test func manualTimeStandsStillUntilItIsMoved() {
    let time = ManualTime(Timestamp(seconds: 100), monotonicNanoseconds: 5)
    #expect(time.now() == Timestamp(seconds: 100))
    time.advance(seconds: 1.5)
    #expect(time.now() == Timestamp(microseconds: 101_500_000))
    #expect(time.monotonicNanoseconds() == 1_500_000_005)
    time.set(Timestamp(seconds: 50))
    #expect(time.now() == Timestamp(seconds: 50))
    #expect(time.monotonicNanoseconds() == 1_500_000_005)
  }

  @Test func systemTimeGoesOn() {
    let time = SystemTime()
    let start = time.monotonicNanoseconds()
    #expect(abs(Double(time.now().microseconds) / 1e6 - Date().timeIntervalSince1970) < 5)
    #expect(time.monotonicNanoseconds() >= start)
  }
}

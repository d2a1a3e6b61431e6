import Testing

@testable import Wire

@Suite struct PaceTests {
  private let second: UInt64 = 1_000_000_000

  @Test func itIsGoodForTheGraceAndThenForWhatCame() {
    var pace = Pace(from: 100 * second, seconds: 30, bytesPerSecond: 100)
    #expect(pace.verdict(at: 100 * second) == .lookAgain(at: 105 * second))
    #expect(pace.verdict(at: 105 * second) == .tooSlow)
    pace.bytes = 499
    #expect(pace.verdict(at: 105 * second) == .tooSlow)
    pace.bytes = 700
    #expect(pace.verdict(at: 105 * second) == .lookAgain(at: 107 * second))
    #expect(pace.verdict(at: 107 * second) == .tooSlow)
  }

  @Test func theWholeTimeIsTheLimitWhateverTheRate() {
    var pace = Pace(from: 0, seconds: 30, bytesPerSecond: 100)
    pace.bytes = .max
    #expect(pace.verdict(at: 29 * second) == .lookAgain(at: 30 * second))
    #expect(pace.verdict(at: 30 * second) == .tooSlow)
  }

  @Test func withoutARateTimeAloneCounts() {
    let pace = Pace(from: 0, seconds: 10, bytesPerSecond: 0)
    #expect(pace.verdict(at: 9 * second) == .lookAgain(at: 10 * second))
    #expect(pace.verdict(at: 10 * second) == .tooSlow)
  }

  @Test func aTimeShorterThanTheGraceIsTheLimit() {
    #expect(Pace(from: 0, seconds: 2, bytesPerSecond: 1).verdict(at: 1) == .lookAgain(at: 2 * second))
  }
}

import Testing

@testable import Wire

@Suite struct ChoiceOfTwoTests {
  /// How often each of some idle targets is chosen in 10,000 times.
  private func counts(_ weights: [Int], loads: [Int]? = nil, seed: UInt64 = 7) -> [Int] {
    var choice = ChoiceOfTwo(seed: seed)
    var counts = Array(repeating: 0, count: weights.count)
    for _ in 0..<10_000 {
      guard let index = choice.pick(count: weights.count, weight: { weights[$0] }, load: { loads?[$0] ?? 0 }) else { continue }
      counts[index] += 1
    }
    return counts
  }

  @Test func idleTargetsAreChosenByTheirWeights() {
    for seed in [1, 2, 3] as [UInt64] {
      let counts = counts([100, 300, 600], seed: seed)
      #expect(
        (800...1200).contains(counts[0]) && (2700...3300).contains(counts[1]) && (5600...6400).contains(counts[2]), "\(counts)")
    }
  }

  @Test func whatHasNoWeightIsNeverChosen() {
    let found = counts([0, 100, 0, 100, 0])
    #expect(found[0] + found[2] + found[4] == 0 && found[1] > 4000 && found[3] > 4000)
    #expect(counts([100]) == [10_000])
    #expect(counts([0, 0]) == [0, 0] && counts([]) == [])
  }

  @Test func theBusiestIsNeverChosenOfTwo_andHasNoCallOfMany() {
    #expect(counts([100, 100], loads: [5, 4]) == [0, 10_000])
    // It is chosen when it is drawn twice, which cannot be: the two are different ones.
    #expect(counts([100, 100, 100, 100], loads: [3, 3, 3, 9])[3] == 0)
  }

  @Test func loadIsMeasuredByWeight() {
    #expect(counts([100, 300], loads: [2, 5]) == [0, 10_000])
    #expect(counts([100, 300], loads: [1, 4]) == [10_000, 0])
  }

  /// Calls that stay: with the choice of two they spread evenly, where chance alone would leave some with half as many again.
  @Test func callsThatStaySpreadEvenly() {
    var choice = ChoiceOfTwo(seed: 42)
    var loads = Array(repeating: 0, count: 10)
    for _ in 0..<1000 {
      let index = choice.pick(count: 10, weight: { _ in 100 }, load: { loads[$0] })
      loads[index!] += 1
    }
    #expect(loads.max()! - loads.min()! <= 8, "\(loads)")
  }

  @Test func aTargetThatCameGetsItsShareByAndBy() {
    let second: UInt64 = 1_000_000_000
    func share(_ seconds: Double, of weight: Int = 1) -> Int {
      SlowStart.weight(weight, since: 50 * second, now: 50 * second + UInt64(seconds * 1e9), seconds: 10)
    }
    #expect([0, 0.5, 1, 2.5, 5, 9.9, 10, 100].map { share($0) } == [10, 10, 10, 25, 50, 99, 100, 100])
    #expect(share(5, of: 3) == 150)
    #expect(SlowStart.weight(2, since: nil, now: 5, seconds: 10) == 200)
    #expect(SlowStart.weight(2, since: 5, now: 5, seconds: 0) == 200)
  }

  @Test func fewCallsAreRepeatedWhateverHappens() {
    var settings = UpstreamSettings.Retries()
    (settings.percent, settings.burst) = (20, 10)
    var budget = RetryBudget(settings)
    var retries = 0
    for _ in 0..<1000 {
      budget.called()
      if budget.take() { retries += 1 }
    }
    #expect(retries == 209 || retries == 210)
    // A long good time saves up no more than the burst.
    for _ in 0..<100_000 { budget.called() }
    let saved = (0..<100).filter { _ in budget.take() }
    #expect(saved.count == 10)
  }

  @Test func withoutAShareNothingIsRepeated() {
    var settings = UpstreamSettings.Retries()
    settings.percent = 0
    var budget = RetryBudget(settings)
    budget.called()
    let isTaken = budget.take()
    #expect(!isTaken)
  }

  @Test func theLineIsInOrderOverManyTurnsOfItsRing() {
    var (line, model) = (FIFO<Int>(), [Int]())
    var generator = SeededGenerator(seed: 3)
    for number in 0..<20_000 {
      if Int.random(in: 0..<100, using: &generator) < 52 {
        line.append(number)
        model.append(number)
      } else {
        let (found, expected) = (line.popFirst(), model.isEmpty ? nil : model.removeFirst())
        #expect(found == expected)
      }
      #expect(line.count == model.count && line.isEmpty == model.isEmpty)
    }
    let rest = line.takeAll()
    #expect(rest == model && line.isEmpty)
  }
}

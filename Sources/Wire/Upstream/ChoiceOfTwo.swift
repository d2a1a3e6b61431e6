/// The power of two choices: of two targets that chance picks, the one with less to do. Confined to its loop.
///
/// Close to the best that knowing all of them would give, and never the herd that runs to the one that is idle for a moment
/// (Mitzenmacher 2001). Chance picks by weight; what a target has to do is measured by its weight.
struct ChoiceOfTwo {
  private var state: UInt64

  /// - Parameter seed: different for each loop, so that they do not all choose alike.
  init(seed: UInt64) { state = seed | 1 }

  /// The index of the choice; nil when all weights are 0.
  ///
  /// - Parameters:
  ///   - weight: of each; 0 for one that is not to be chosen.
  ///   - load: calls under way.
  mutating func pick(count: Int, weight: (Int) -> Int, load: (Int) -> Int) -> Int? {
    var total = 0
    for index in 0..<count { total += weight(index) }
    guard total > 0 else { return nil }
    let first = draw(below: total, count: count, without: nil, weight)
    let left = total - weight(first)
    guard left > 0 else { return first }
    let second = draw(below: left, count: count, without: first, weight)
    // Of two that are equal the first: so idle targets are chosen by their weights.
    return load(second) * weight(first) < load(first) * weight(second) ? second : first
  }

  private mutating func draw(below total: Int, count: Int, without other: Int?, _ weight: (Int) -> Int) -> Int {
    var place = Int(truncatingIfNeeded: next() >> 1) % total
    for index in 0..<count where index != other {
      place -= weight(index)
      if place < 0 { return index }
    }
    preconditionFailure("a place below the sum of all weights")
  }

  /// xorshift64*: chance enough to spread calls, and nothing rests on that nobody can guess it.
  private mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}

/// The share of a target that has just come, or come back: from a tenth of its weight to the whole, evenly over the time. Its caches
/// are cold, and what knocked it over may do so again.
enum SlowStart {
  /// The weight of a target in hundredths.
  ///
  /// - Parameter since: when it came; nil when that does not matter any more.
  static func weight(_ weight: Int, since: UInt64?, now: UInt64, seconds: Int) -> Int {
    guard let since, seconds > 0, now >= since else { return weight * 100 }
    let milliseconds = (now - since) / 1_000_000
    guard milliseconds < UInt64(seconds) * 1000 else { return weight * 100 }
    return weight * max(10, Int(milliseconds) / (seconds * 10))
  }
}

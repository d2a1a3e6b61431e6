/// The patterns of one document: one that stands twice is compiled once, and together they take no more than a bounded time and room,
/// however many there are (A36).
///
/// Confined to whoever reads the document.
public final class Patterns {
  private var budget = PatternBudget()
  private var known: [String: Pattern] = [:]
  private var faults: [String: Pattern.Fault] = [:]

  public init() {}

  /// There is nothing left for any other.
  public var isExhausted: Bool { budget.isExhausted }

  /// What keeps a pattern from being used; nil for one that is right.
  public func fault(_ text: String) -> String? {
    do throws(Pattern.Fault) { _ = try pattern(text) } catch { return error.reason }
    return nil
  }

  func pattern(_ text: String) throws(Pattern.Fault) -> Pattern {
    if let pattern = known[text] { return pattern }
    if let fault = faults[text] { throw fault }
    do throws(Pattern.Fault) {
      let pattern = try Pattern(text, &budget)
      known[text] = pattern
      return pattern
    } catch {
      faults[text] = error
      throw error
    }
  }
}

/// What compiling patterns may take, all of one document together. The shipped policies need a thousandth of it.
struct PatternBudget {
  /// States of a graph that are looked at: about 40 ns each.
  private var steps = 4_000_000
  /// Entries of the tables: 2 bytes each.
  private var cells = 1 << 20

  var isExhausted: Bool { steps < 0 || cells < 0 }

  /// Takes without a look at what is left: who takes next finds out.
  mutating func spend(_ count: Int) { steps -= count }

  mutating func take(steps count: Int) throws(Pattern.Fault) {
    steps -= count
    guard steps >= 0 else { throw Self.fault }
  }

  mutating func take(cells count: Int) throws(Pattern.Fault) {
    cells -= count
    guard cells >= 0 else { throw Self.fault }
  }

  private static let fault = Pattern.Fault(reason: "a pattern, with those before it in this file, takes too much to compile")
}

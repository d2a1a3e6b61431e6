/// The branches that hold for the values on the way from the root. The first few cost no memory.
struct BranchStack {
  private static let fewMaximum = 8
  private var few = InlineArray<8, UInt32>(repeating: 0)
  private var more: [UInt32] = []
  private(set) var count = 0

  /// The place of a branch's rule.
  subscript(_ place: Int) -> UInt32 { place < Self.fewMaximum ? few[place] : more[place - Self.fewMaximum] }

  mutating func append(_ rule: UInt32) {
    if count < Self.fewMaximum { few[count] = rule } else { more.append(rule) }
    count += 1
  }

  mutating func removeAll(from place: Int) {
    guard place < count else { return }
    more.removeLast(max(0, count - max(place, Self.fewMaximum)))
    count = place
  }
}

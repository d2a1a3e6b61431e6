import Bytes

/// An expression as a deterministic automaton.
struct PatternAutomaton: Sendable {
  static let statesMaximum = 16_384
  private static let dead: UInt32 = 0
  private static let start: UInt32 = 1

  private let automaton: ByteAutomaton

  func accepts(_ text: Span<UInt8>) -> Bool { automaton.accepts(text) }

  /// - Parameter budget: an automaton of few states may still take minutes to find, where each stands for thousands of the graph's.
  init(_ alternatives: [PatternAlternative], _ budget: inout PatternBudget) throws(Pattern.Fault) {
    let graph = try PatternGraph(alternatives, &budget)
    let (columns, samples) = try graph.columns(&budget)
    var numbers: [[Int32]: UInt32] = [[]: Self.dead]
    let first = try graph.closure([0], &budget)
    numbers[first] = Self.start
    var sets: [[Int32]] = [[], first]
    var next = [[UInt32](repeating: Self.dead, count: samples.count)]
    while next.count < sets.count {
      try budget.take(cells: samples.count)
      var row: [UInt32] = []
      for sample in samples {
        let set = try graph.step(sets[next.count], sample, &budget)
        if let known = numbers[set] { row.append(known); continue }
        guard sets.count < Self.statesMaximum else {
          throw Pattern.Fault(reason: "a pattern is too large: its automaton has more than \(Self.statesMaximum) states")
        }
        numbers[set] = UInt32(sets.count)
        row.append(UInt32(sets.count))
        sets.append(set)
      }
      next.append(row)
    }
    automaton = ByteAutomaton(columns: columns, next: next, accepts: sets.map { $0.contains(PatternGraph.end) })
  }
}

/// The automaton before it is made deterministic (Thompson's construction).
private struct PatternGraph {
  /// The state in which a text has matched.
  static let end: Int32 = 1
  private static let statesMaximum = 400_000

  /// With these bytes to that state.
  private var edges: [(bytes: ByteSet, target: Int32)?] = [nil, nil]
  /// Without a byte to these.
  private var jumps: [[Int32]] = [[], []]

  init(_ alternatives: [PatternAlternative], _ budget: inout PatternBudget) throws(Pattern.Fault) {
    let everything = ByteSet(0...255)
    defer { budget.spend(edges.count) }
    for alternative in alternatives {
      var from = try add(jumpingFrom: 0)
      if !alternative.isAnchoredAtStart { loop(from, everything) }
      if !alternative.isAnchoredAtStart { from = try add(jumpingFrom: from) }
      var last = try append(alternative.node, from)
      if !alternative.isAnchoredAtEnd {
        last = try add(jumpingFrom: last)
        loop(last, everything)
      }
      jumps[Int(last)].append(Self.end)
    }
  }

  private mutating func add(jumpingFrom state: Int32? = nil) throws(Pattern.Fault) -> Int32 {
    guard edges.count < Self.statesMaximum else { throw Pattern.Fault(reason: "a pattern is too large") }
    edges.append(nil)
    jumps.append([])
    let new = Int32(edges.count - 1)
    if let state { jumps[Int(state)].append(new) }
    return new
  }

  /// Takes any number of these bytes at a state that takes nothing else.
  private mutating func loop(_ state: Int32, _ bytes: ByteSet) { edges[Int(state)] = (bytes, state) }

  /// Appends what matches the node behind a state; gives the state in which it has.
  private mutating func append(_ node: PatternNode, _ from: Int32) throws(Pattern.Fault) -> Int32 {
    switch node {
    case .byte(let byte): return try take(ByteSet(byte...byte), from)
    case .character(let ascii, let beyond):
      let last = try take(ascii, from)
      if beyond { try appendBeyond(from, to: last) }
      return last
    case .sequence(let nodes):
      var state = from
      for node in nodes { state = try append(node, state) }
      return state
    case .choice(let nodes):
      let last = try add()
      for node in nodes {
        let first = try add(jumpingFrom: from)
        jumps[Int(try append(node, first))].append(last)
      }
      return last
    case .repeated(let node, let least, let most): return try appendRepeated(node, least, most, from)
    }
  }

  private mutating func take(_ bytes: ByteSet, _ from: Int32) throws(Pattern.Fault) -> Int32 {
    let first = try add(jumpingFrom: from)
    let last = try add()
    edges[Int(first)] = (bytes, last)
    return last
  }

  /// One character of two to four bytes (RFC 3629); the text is known to be UTF-8.
  private mutating func appendBeyond(_ from: Int32, to last: Int32) throws(Pattern.Fault) {
    for (leads, following) in [(UInt8(0xC2)...0xDF, 1), (0xE0...0xEF, 2), (0xF0...0xF4, 3)] {
      var state = try take(ByteSet(leads), from)
      for _ in 0..<following { state = try take(ByteSet(0x80...0xBF), state) }
      jumps[Int(state)].append(last)
    }
  }

  private mutating func appendRepeated(
    _ node: PatternNode, _ least: Int, _ most: Int?, _ from: Int32
  ) throws(Pattern.Fault) -> Int32 {
    var state = from
    for _ in 0..<least { state = try append(node, state) }
    guard let most else {
      let again = try add(jumpingFrom: state)
      let last = try append(node, again)
      jumps[Int(last)].append(again)
      return try add(jumpingFrom: again)
    }
    // Whoever needs no more goes straight to the end, so that a state never stands for all the counts behind it.
    let end = try add()
    for _ in least..<most {
      jumps[Int(state)].append(end)
      state = try append(node, state)
    }
    jumps[Int(state)].append(end)
    return end
  }

  // MARK: Making it deterministic

  /// The column of each byte, and one byte of each column.
  func columns(_ budget: inout PatternBudget) throws(Pattern.Fault) -> (columns: [UInt8], samples: [UInt8]) {
    // Of a long pattern there may be many.
    var (seen, distinct): (Set<ByteSet>, [ByteSet]) = ([], [])
    for edge in edges { if let edge, seen.insert(edge.bytes).inserted { distinct.append(edge.bytes) } }
    // Each is asked about each byte.
    try budget.take(steps: distinct.count * 64)
    var numbers: [[Bool]: UInt8] = [:]
    var (columns, samples): ([UInt8], [UInt8]) = ([], [])
    for byte in UInt8.min...UInt8.max {
      let key = distinct.map { $0.contains(byte) }
      if numbers[key] == nil {
        numbers[key] = UInt8(samples.count)
        samples.append(byte)
      }
      columns.append(numbers[key]!)
    }
    return (columns, samples)
  }

  func step(_ states: [Int32], _ byte: UInt8, _ budget: inout PatternBudget) throws(Pattern.Fault) -> [Int32] {
    try budget.take(steps: states.count)
    var targets: [Int32] = []
    for state in states {
      if let edge = edges[Int(state)], edge.bytes.contains(byte) { targets.append(edge.target) }
    }
    return targets.isEmpty ? [] : try closure(targets, &budget)
  }

  /// All that is reached without a byte; of it what takes a byte, and the end, in order.
  func closure(_ states: [Int32], _ budget: inout PatternBudget) throws(Pattern.Fault) -> [Int32] {
    var (seen, waiting): (Set<Int32>, [Int32]) = (Set(states), states)
    while let state = waiting.popLast() {
      try budget.take(steps: 1 + jumps[Int(state)].count)
      for target in jumps[Int(state)] where seen.insert(target).inserted { waiting.append(target) }
    }
    return seen.filter { $0 == Self.end || edges[Int($0)] != nil }.sorted()
  }
}

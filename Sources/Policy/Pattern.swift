/// A regular expression over bytes that matches in linear time (A36).
///
/// The part of ECMA 262 that CAMARA's patterns use: anchored at both ends, a sequence of characters, escapes, classes and dots,
/// each with `?`, `*`, `+` or `{m,n}`. Groups and alternatives are refused when a policy is loaded.
struct Pattern: Sendable {
  /// One character of the expression.
  private struct Step: Sendable {
    /// Which bytes it takes.
    var bytes: ByteSet
    var isOptional: Bool
    /// It may be taken again and again.
    var isRepeated: Bool
  }

  /// A set of bytes.
  private struct ByteSet: Sendable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    func contains(_ byte: UInt8) -> Bool {
      let bit: UInt64 = 1 << UInt64(byte & 63)
      switch byte >> 6 {
      case 0: return words.0 & bit != 0
      case 1: return words.1 & bit != 0
      case 2: return words.2 & bit != 0
      default: return words.3 & bit != 0
      }
    }

    mutating func insert(_ byte: UInt8) {
      let bit: UInt64 = 1 << UInt64(byte & 63)
      switch byte >> 6 {
      case 0: words.0 |= bit
      case 1: words.1 |= bit
      case 2: words.2 |= bit
      default: words.3 |= bit
      }
    }

    mutating func insert(_ range: ClosedRange<UInt8>) { for byte in range { insert(byte) } }

    mutating func invert() { words = (~words.0, ~words.1, ~words.2, ~words.3) }
  }

  private static let stepsMaximum = 4096
  private var steps: [Step] = []

  /// What is wrong with an expression.
  struct Fault: Error { let reason: String }

  init(_ text: String) throws(Fault) {
    var reader = Array(text.utf8)[...]
    guard reader.first == 0x5E, reader.last == 0x24, reader.count >= 2 else {
      throw Fault(reason: "a pattern begins with ^ and ends with $")
    }
    reader = reader.dropFirst().dropLast()
    while let byte = reader.first {
      let set: ByteSet
      switch byte {
      case 0x5B: set = try Self.bracket(&reader)
      case 0x5C: set = try Self.escape(&reader)
      case 0x2E:
        reader.removeFirst()
        set = Self.anything()
      case 0x28, 0x29, 0x7C: throw Fault(reason: "groups and alternatives are not supported in a pattern")
      case 0x2A, 0x2B, 0x3F, 0x7B, 0x5E, 0x24: throw Fault(reason: "a pattern has a sign in the wrong place")
      default:
        reader.removeFirst()
        set = Self.one(byte)
      }
      try append(set, &reader)
    }
  }

  /// True when the whole of the bytes matches.
  func matches(_ bytes: some Sequence<UInt8>) -> Bool {
    var active = [Bool](repeating: false, count: steps.count + 1)
    active[0] = true
    close(&active)
    for byte in bytes {
      var next = [Bool](repeating: false, count: steps.count + 1)
      var isAlive = false
      for (index, step) in steps.enumerated() where active[index] && step.bytes.contains(byte) {
        next[step.isRepeated ? index : index + 1] = true
        isAlive = true
      }
      guard isAlive else { return false }
      close(&next)
      active = next
    }
    return active[steps.count]
  }

  /// From a step that need not be taken, the next one can be.
  private func close(_ active: inout [Bool]) {
    for (index, step) in steps.enumerated() where active[index] && (step.isOptional || step.isRepeated) {
      active[index + 1] = true
    }
  }

  private mutating func append(_ set: ByteSet, _ reader: inout ArraySlice<UInt8>) throws(Fault) {
    let once = Step(bytes: set, isOptional: false, isRepeated: false)
    let maybe = Step(bytes: set, isOptional: true, isRepeated: false)
    let again = Step(bytes: set, isOptional: true, isRepeated: true)
    switch reader.first {
    case 0x3F:
      reader.removeFirst()
      steps.append(maybe)
    case 0x2A:
      reader.removeFirst()
      steps.append(again)
    case 0x2B:
      reader.removeFirst()
      steps += [once, again]
    case 0x7B:
      let (least, most) = try Self.counts(&reader)
      steps += Array(repeating: once, count: least)
      if let most { steps += Array(repeating: maybe, count: most - least) } else { steps.append(again) }
    default: steps.append(once)
    }
    guard steps.count <= Self.stepsMaximum else { throw Fault(reason: "a pattern is too long") }
  }

  /// `{m}`, `{m,}`, `{m,n}`.
  private static func counts(_ reader: inout ArraySlice<UInt8>) throws(Fault) -> (least: Int, most: Int?) {
    guard let end = reader.firstIndex(of: 0x7D) else { throw Fault(reason: "a pattern has { without }") }
    let parts = String(decoding: reader[(reader.startIndex + 1)..<end], as: UTF8.self)
      .split(separator: ",", omittingEmptySubsequences: false)
    reader = reader[(end + 1)...]
    guard let least = parts.first.flatMap({ Int($0) }), (0...stepsMaximum).contains(least), parts.count <= 2 else {
      throw Fault(reason: "a pattern has wrong counts")
    }
    guard parts.count == 2 else { return (least, least) }
    if parts[1].isEmpty { return (least, nil) }
    guard let most = Int(parts[1]), most >= least, most <= stepsMaximum else { throw Fault(reason: "a pattern has wrong counts") }
    return (least, most)
  }

  private static func one(_ byte: UInt8) -> ByteSet {
    var set = ByteSet()
    set.insert(byte)
    return set
  }

  private static func anything() -> ByteSet {
    var set = one(0x0A)
    set.insert(0x0D)
    set.invert()
    return set
  }

  private static func escape(_ reader: inout ArraySlice<UInt8>) throws(Fault) -> ByteSet {
    guard reader.count >= 2 else { throw Fault(reason: "a pattern ends with a backslash") }
    let byte = reader[reader.startIndex + 1]
    reader = reader.dropFirst(2)
    var set = ByteSet()
    switch byte {
    case 0x64: set.insert(0x30...0x39)
    case 0x77:
      set.insert(0x30...0x39)
      set.insert(0x41...0x5A)
      set.insert(0x61...0x7A)
      set.insert(0x5F)
    case 0x73: for space: UInt8 in [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D] { set.insert(space) }
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: throw Fault(reason: "a pattern has an escape that is not supported")
    default: set.insert(byte)
    }
    return set
  }

  private static func bracket(_ reader: inout ArraySlice<UInt8>) throws(Fault) -> ByteSet {
    reader.removeFirst()
    var set = ByteSet()
    let isNegated = reader.first == 0x5E
    if isNegated { reader.removeFirst() }
    while let byte = reader.first, byte != 0x5D {
      if byte == 0x5C {
        let escaped = try escape(&reader)
        for candidate in UInt8.min...UInt8.max where escaped.contains(candidate) { set.insert(candidate) }
        continue
      }
      guard byte < 0x80 else { throw Fault(reason: "a class in a pattern holds ASCII only") }
      reader.removeFirst()
      if reader.first == 0x2D, let end = reader.dropFirst().first, end != 0x5D, end != 0x5C {
        guard end >= byte else { throw Fault(reason: "a pattern has a range backwards") }
        set.insert(byte...end)
        reader = reader.dropFirst(2)
      } else {
        set.insert(byte)
      }
    }
    guard reader.first == 0x5D else { throw Fault(reason: "a pattern has [ without ]") }
    reader.removeFirst()
    if isNegated { set.invert() }
    return set
  }
}

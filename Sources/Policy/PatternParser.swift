/// An expression as a tree.
indirect enum PatternNode {
  /// One character: of these in ASCII, or any beyond.
  case character(ascii: ByteSet, beyond: Bool)
  /// One byte of a character beyond ASCII.
  case byte(UInt8)
  case sequence([PatternNode])
  case choice([PatternNode])
  /// `most` is nil without a bound.
  case repeated(PatternNode, least: Int, most: Int?)
}

/// One alternative of an expression, and whether it must begin and end where the text does.
struct PatternAlternative {
  var node: PatternNode
  var isAnchoredAtStart: Bool
  var isAnchoredAtEnd: Bool
}

/// Reads the part of ECMA 262's regular expressions that an automaton can do; the rest is refused with a reason.
struct PatternParser {
  static let countMaximum = 4096
  private static let depthMaximum = 32

  private var rest: ArraySlice<UInt8>

  init(_ text: String) { rest = Array(text.utf8)[...] }

  mutating func alternatives() throws(Pattern.Fault) -> [PatternAlternative] {
    var alternatives: [PatternAlternative] = []
    repeat {
      let isAnchoredAtStart = take(0x5E)
      let node = try sequence(depth: 0)
      let isAnchoredAtEnd = take(0x24)
      guard rest.isEmpty || rest.first == 0x7C else {
        throw Pattern.Fault(
          reason: rest.first == 0x29 ? "a pattern has ) without (" : "^ and $ stand at the ends of a pattern or of an alternative"
        )
      }
      alternatives.append(
        PatternAlternative(node: node, isAnchoredAtStart: isAnchoredAtStart, isAnchoredAtEnd: isAnchoredAtEnd))
    } while take(0x7C)
    return alternatives
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard rest.first == byte else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func sequence(depth: Int) throws(Pattern.Fault) -> PatternNode {
    guard depth < Self.depthMaximum else { throw Pattern.Fault(reason: "a pattern has groups nested too deep") }
    var nodes: [PatternNode] = []
    while let byte = rest.first, byte != 0x7C, byte != 0x29, byte != 0x24 {
      nodes.append(try repeated(try atom(byte, depth)))
    }
    return .sequence(nodes)
  }

  private mutating func atom(_ byte: UInt8, _ depth: Int) throws(Pattern.Fault) -> PatternNode {
    rest.removeFirst()
    switch byte {
    case 0x28: return try group(depth)
    case 0x5B: return try bracket()
    case 0x5C:
      switch try escape() {
      case .set(let set, let beyond): return .character(ascii: set, beyond: beyond)
      case .scalar(let scalar): return Self.literal(scalar)
      }
    case 0x2E:
      var ends = ByteSet()
      ends.insert(0x0A)
      ends.insert(0x0D)
      return .character(ascii: ends.invertedASCII, beyond: true)
    case 0x2A, 0x2B, 0x3F, 0x7B, 0x5E: throw Pattern.Fault(reason: "a pattern has a sign in the wrong place")
    default: return byte < 0x80 ? .character(ascii: ByteSet(byte...byte), beyond: false) : .sequence(character(byte))
    }
  }

  /// A character of several bytes: what is repeated after it is all of it.
  private mutating func character(_ first: UInt8) -> [PatternNode] {
    var bytes: [PatternNode] = [.byte(first)]
    while let next = rest.first, next & 0xC0 == 0x80 {
      bytes.append(.byte(next))
      rest.removeFirst()
    }
    return bytes
  }

  private mutating func group(_ depth: Int) throws(Pattern.Fault) -> PatternNode {
    if take(0x3F) {
      guard take(0x3A) else { throw Pattern.Fault(reason: "assertions and named groups are not supported in a pattern") }
    }
    var choices: [PatternNode] = []
    repeat {
      choices.append(try sequence(depth: depth + 1))
    } while take(0x7C)
    guard rest.first != 0x24 else { throw Pattern.Fault(reason: "$ is not supported within a group of a pattern") }
    guard take(0x29) else { throw Pattern.Fault(reason: "a pattern has ( without )") }
    return .choice(choices)
  }

  private mutating func repeated(_ node: PatternNode) throws(Pattern.Fault) -> PatternNode {
    let result: PatternNode
    switch rest.first {
    case 0x3F: result = .repeated(node, least: 0, most: 1)
    case 0x2A: result = .repeated(node, least: 0, most: nil)
    case 0x2B: result = .repeated(node, least: 1, most: nil)
    case 0x7B:
      let (least, most) = try counts()
      result = .repeated(node, least: least, most: most)
      // What is lazy matches no other texts.
      _ = take(0x3F)
      return result
    default: return node
    }
    rest.removeFirst()
    _ = take(0x3F)
    return result
  }

  /// `{m}`, `{m,}`, `{m,n}`.
  private mutating func counts() throws(Pattern.Fault) -> (least: Int, most: Int?) {
    guard let end = rest.firstIndex(of: 0x7D) else { throw Pattern.Fault(reason: "a pattern has { without }") }
    let parts = String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
      .split(separator: ",", omittingEmptySubsequences: false)
    rest = rest[(end + 1)...]
    let wrong = Pattern.Fault(reason: "a pattern has wrong counts, or one above \(Self.countMaximum)")
    guard let least = parts.first.flatMap({ Int($0) }), (0...Self.countMaximum).contains(least), parts.count <= 2 else {
      throw wrong
    }
    guard parts.count == 2 else { return (least, least) }
    if parts[1].isEmpty { return (least, nil) }
    guard let most = Int(parts[1]), most >= least, most <= Self.countMaximum else { throw wrong }
    return (least, most)
  }

  // MARK: Characters

  private enum Escaped {
    case set(ByteSet, beyond: Bool)
    case scalar(Unicode.Scalar)
  }

  private static let digits = ByteSet(0x30...0x39)
  private static let word: ByteSet = {
    var set = digits
    set.insert(0x41...0x5A)
    set.insert(0x61...0x7A)
    set.insert(0x5F)
    return set
  }()
  private static let space: ByteSet = {
    var set = ByteSet(0x09...0x0D)
    set.insert(0x20)
    return set
  }()

  /// What follows a backslash.
  private mutating func escape() throws(Pattern.Fault) -> Escaped {
    guard let byte = rest.popFirst() else { throw Pattern.Fault(reason: "a pattern ends with a backslash") }
    switch byte {
    case 0x64: return .set(Self.digits, beyond: false)
    case 0x44: return .set(Self.digits.invertedASCII, beyond: true)
    case 0x77: return .set(Self.word, beyond: false)
    case 0x57: return .set(Self.word.invertedASCII, beyond: true)
    case 0x73: return .set(Self.space, beyond: false)
    case 0x53: return .set(Self.space.invertedASCII, beyond: true)
    case 0x74: return .scalar("\t")
    case 0x6E: return .scalar("\n")
    case 0x72: return .scalar("\r")
    case 0x66: return .scalar("\u{0C}")
    case 0x76: return .scalar("\u{0B}")
    case 0x78: return .scalar(try hexadecimal(digits: 2))
    case 0x75: return .scalar(try hexadecimal(digits: 4))
    case 0x31...0x39: throw Pattern.Fault(reason: "back references are not supported in a pattern")
    case 0x30, 0x41...0x5A, 0x61...0x7A: throw Pattern.Fault(reason: "a pattern has an escape that is not supported")
    case 0x80...: throw Pattern.Fault(reason: "a pattern escapes what needs no escape")
    default: return .scalar(Unicode.Scalar(byte))
    }
  }

  private mutating func hexadecimal(digits count: Int) throws(Pattern.Fault) -> Unicode.Scalar {
    let text = String(decoding: rest.prefix(count), as: UTF8.self)
    rest = rest.dropFirst(count)
    guard text.utf8.count == count, text.allSatisfy(\.isHexDigit), let value = UInt32(text, radix: 16),
      let scalar = Unicode.Scalar(value)
    else { throw Pattern.Fault(reason: "a pattern has a wrong \\x or \\u") }
    return scalar
  }

  private static func literal(_ scalar: Unicode.Scalar) -> PatternNode {
    scalar.isASCII
      ? .character(ascii: ByteSet(UInt8(scalar.value)...UInt8(scalar.value)), beyond: false)
      : .sequence(UTF8.encode(scalar)!.map { .byte($0) })
  }

  /// A class, behind its `[`.
  private mutating func bracket() throws(Pattern.Fault) -> PatternNode {
    let isNegated = take(0x5E)
    var (set, beyond) = (ByteSet(), false)
    while let byte = rest.first, byte != 0x5D {
      let lower: UInt8
      switch try member(byte) {
      case .set(let more, let moreBeyond):
        set.formUnion(more)
        beyond = beyond || moreBeyond
        continue
      case .scalar(let scalar): lower = UInt8(scalar.value)
      }
      guard rest.first == 0x2D, let end = rest.dropFirst().first, end != 0x5D else { set.insert(lower); continue }
      rest.removeFirst()
      guard case .scalar(let upper) = try member(end) else { throw Pattern.Fault(reason: "a pattern has a range to a class") }
      guard upper.value >= UInt32(lower) else { throw Pattern.Fault(reason: "a pattern has a range backwards") }
      set.insert(lower...UInt8(upper.value))
    }
    guard take(0x5D) else { throw Pattern.Fault(reason: "a pattern has [ without ]") }
    return isNegated ? .character(ascii: set.invertedASCII, beyond: !beyond) : .character(ascii: set, beyond: beyond)
  }

  /// One member of a class; a scalar is ASCII.
  private mutating func member(_ byte: UInt8) throws(Pattern.Fault) -> Escaped {
    rest.removeFirst()
    let member: Escaped = byte == 0x5C ? try escape() : .scalar(Unicode.Scalar(byte))
    if case .scalar(let scalar) = member, !scalar.isASCII {
      throw Pattern.Fault(reason: "a class in a pattern holds ASCII only")
    }
    return member
  }
}

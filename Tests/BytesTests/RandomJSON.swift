/// Random JSON texts: every kind of value, odd white space, keys and strings with and without escapes.
struct RandomJSON {
  var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }
  mutating func pick<C: RandomAccessCollection>(_ choices: C) -> C.Element { choices.randomElement(using: &generator)! }

  mutating func space() -> String { chance(85) ? "" : pick([" ", "\n", "\t", "\r\n", "  \n  "]) }

  mutating func value(depth: Int = 0) -> String {
    switch Int.random(in: 0..<(depth < 6 ? 10 : 6), using: &generator) {
    case 0: return pick(["true", "false", "null"])
    case 1, 2: return number()
    case 3...5: return string()
    case 6, 7: return array(depth)
    default: return object(depth)
    }
  }

  mutating func number() -> String {
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: return String(Int.random(in: -100...100, using: &generator))
    case 1: return String(Int.random(in: .min ... .max, using: &generator))
    case 2: return String(Double.random(in: -1e6...1e6, using: &generator))
    case 3: return pick(["0", "-0", "0.0", "-0.0e0", "1E5", "1e+5", "2.50e-3", "-7E-0"])
    default: return String(repeating: "9", count: Int.random(in: 1...40, using: &generator)) + ".5"
    }
  }

  mutating func string() -> String {
    let pieces = [
      "a", "b", "z", "Z", "0", " ", "/", "<", "phone", "imei", "é", "ß", "日", "本", "\u{7F}", "\u{2028}", "\u{FFFF}", "😀",
      "\u{10FFFF}",
      #"\""#, #"\\"#, #"\/"#, #"\b"#, #"\f"#, #"\n"#, #"\r"#, #"\t"#, #"\u0000"#, #"\u0061"#, #"\u00E9"#, #"\uFFFF"#,
      #"\uD83D\uDE00"#,
      #"\uDBFF\udfff"#,
    ]
    let length = chance(80) ? Int.random(in: 0...12, using: &generator) : Int.random(in: 0...80, using: &generator)
    return "\"" + (0..<length).map { _ in pick(pieces) }.joined() + "\""
  }

  mutating func array(_ depth: Int) -> String {
    let elements = (0..<Int.random(in: 0...5, using: &generator)).map { _ in space() + value(depth: depth + 1) + space() }
    return "[" + (elements.isEmpty ? space() : elements.joined(separator: ",")) + "]"
  }

  /// Keys are numbered, so that none stands twice; some objects have more than the parser compares one by one.
  mutating func object(_ depth: Int) -> String {
    let count = chance(95) ? Int.random(in: 0...5, using: &generator) : Int.random(in: 10...20, using: &generator)
    var members: [String] = []
    for index in 0..<count {
      let key = String(string().dropLast()) + "\(index)\""
      members.append(space() + key + space() + ":" + space() + value(depth: depth + 1) + space())
    }
    return "{" + (members.isEmpty ? space() : members.joined(separator: ",")) + "}"
  }
}

/// The inside of JSON strings: finding the end, checking UTF-8 and escapes, and reading escapes (RFC 8259 §7, RFC 3629).
enum JSONString {
  /// Reads the escapes of a string's inside that `scan` has accepted.
  static func unescaped(_ inner: Span<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(inner.count)
    var index = 0
    while index < inner.count {
      guard inner[index] == 0x5C else {
        text.append(inner[index])
        index += 1
        continue
      }
      switch inner[index + 1] {
      case 0x62: text.append(0x08)
      case 0x66: text.append(0x0C)
      case 0x6E: text.append(0x0A)
      case 0x72: text.append(0x0D)
      case 0x74: text.append(0x09)
      case 0x75:
        var scalar = fourDigits(inner, index + 2)
        if scalar >= 0xD800 && scalar < 0xDC00 {
          scalar = 0x10000 + (scalar - 0xD800) << 10 + (fourDigits(inner, index + 8) - 0xDC00)
          index += 6
        }
        text.append(contentsOf: UTF8.encode(Unicode.Scalar(scalar)!)!)
        index += 4
      default: text.append(inner[index + 1])
      }
      index += 2
    }
    return text
  }

  private static func fourDigits(_ inner: Span<UInt8>, _ start: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 << 4 | UInt32(Hex.value(inner[start + $1]) ?? 0) }
  }
}

/// Finds the end of a string and checks it on the way, eight bytes at once while nothing special comes.
///
/// Sound: every read is below `count`, which is checked before it.
struct JSONStringScanner {
  private let base: UnsafePointer<UInt8>
  private let count: Int
  /// At first behind the opening quote; in the end behind the closing one, or at the fault.
  private(set) var position: Int
  private(set) var hasEscapes = false
  /// Nothing but ASCII was there, and no backslash.
  private(set) var isPlain = true

  init(base: UnsafePointer<UInt8>, count: Int, position: Int) {
    unsafe self.base = base
    self.count = count
    self.position = position
  }

  /// Nil when the string is good.
  @inline(__always)
  mutating func end() -> JSONSyntaxError.Reason? {
    skipPlain()
    guard position < count, unsafe base[position] == 0x22 else { return endWithSpecials() }
    position += 1
    return nil
  }

  @inline(never)
  private mutating func endWithSpecials() -> JSONSyntaxError.Reason? {
    isPlain = false
    while true {
      guard position < count else { return .unexpectedEnd }
      let byte = unsafe base[position]
      if byte == 0x22 {
        position += 1
        return nil
      }
      if byte == 0x5C {
        guard escape() else { return position < count ? .badEscape : .unexpectedEnd }
      } else if byte < 0x20 {
        return .badString
      } else {
        guard multibyte(byte) else { return .badUTF8 }
      }
      skipPlain()
    }
  }

  /// Goes to the next byte that is not plain ASCII: a control character, a quote, a backslash, or above 0x7F.
  @inline(__always)
  private mutating func skipPlain() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    while position + 8 <= count {
      let word = unsafe UInt64(littleEndian: UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self))
      let quote = word ^ (ones &* 0x22)
      let backslash = word ^ (ones &* 0x5C)
      let special =
        ((word &- ones &* 0x20) & ~word | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash | word)
        & 0x8080_8080_8080_8080
      // A borrow can mark a plain byte, but only behind one that is special: the first mark is right.
      guard special == 0 else {
        position += special.trailingZeroBitCount >> 3
        return
      }
      position += 8
    }
    while position < count, unsafe Self.isPlain(base[position]) { position += 1 }
  }

  @inline(__always)
  private static func isPlain(_ byte: UInt8) -> Bool { byte >= 0x20 && byte < 0x80 && byte != 0x22 && byte != 0x5C }

  /// One escape; surrogates must come in pairs (RFC 8259 §7).
  private mutating func escape() -> Bool {
    hasEscapes = true
    guard position + 1 < count else { position = count; return false }
    switch unsafe base[position + 1] {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74:
      position += 2
      return true
    case 0x75:
      guard let first = codeUnit(position + 2) else { return false }
      guard first < 0xD800 || first > 0xDFFF else {
        guard first < 0xDC00, position + 7 < count, unsafe base[position + 6] == 0x5C, unsafe base[position + 7] == 0x75,
          let second = codeUnit(position + 8), second >= 0xDC00, second <= 0xDFFF
        else { return false }
        position += 12
        return true
      }
      position += 6
      return true
    default: return false
    }
  }

  private func codeUnit(_ start: Int) -> UInt32? {
    guard start + 4 <= count else { return nil }
    var value: UInt32 = 0
    for index in start..<start + 4 {
      guard let digit = unsafe Hex.value(base[index]) else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  /// One character of two to four bytes: no overlong form, no surrogate, nothing above U+10FFFF (RFC 3629 §4).
  private mutating func multibyte(_ lead: UInt8) -> Bool {
    let (length, lowest, highest): (Int, UInt8, UInt8)
    switch lead {
    case 0xC2...0xDF: (length, lowest, highest) = (2, 0x80, 0xBF)
    case 0xE0: (length, lowest, highest) = (3, 0xA0, 0xBF)
    case 0xED: (length, lowest, highest) = (3, 0x80, 0x9F)
    case 0xE1...0xEF: (length, lowest, highest) = (3, 0x80, 0xBF)
    case 0xF0: (length, lowest, highest) = (4, 0x90, 0xBF)
    case 0xF1...0xF3: (length, lowest, highest) = (4, 0x80, 0xBF)
    case 0xF4: (length, lowest, highest) = (4, 0x80, 0x8F)
    default: return false
    }
    guard position + length <= count else { return false }
    let second = unsafe base[position + 1]
    guard second >= lowest, second <= highest else { return false }
    for offset in 2..<max(2, length) where unsafe base[position + offset] & 0xC0 != 0x80 { return false }
    position += length
    return true
  }
}

/// The keys of one object while it is read, to find one that stands twice in whatever spelling (A30).
///
/// A fingerprint of each key stays in its node. Most keys are known to be new by one bit of it; when not, the keys before are
/// compared by fingerprint, then by bytes. An object of many keys goes over to a set, whose hash is seeded, so that no choice of
/// keys costs more than a fixed multiple of their length.
struct JSONKeySet {
  private static let fewMaximum = 64
  private(set) var count = 0
  private var seen: UInt64 = 0
  private var many: Set<[UInt8]>?

  /// False when the key stood there before.
  ///
  /// Sound: `nodes` holds the object and everything read since, and their places are within `text`.
  @inline(__always)
  mutating func insert(
    _ key: Int, of object: Int, _ nodes: UnsafeMutablePointer<JSONTape.Node>, _ text: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    let fingerprint = unsafe JSONKey.fingerprint(nodes[key], text)
    unsafe nodes[key].detail = fingerprint
    defer { count += 1 }
    let bit: UInt64 = 1 << UInt64(fingerprint & 63)
    let isSurelyNew = seen & bit == 0 && count < Self.fewMaximum
    seen |= bit
    return unsafe isSurelyNew || insertSlowly(key, of: object, nodes, text)
  }

  @inline(never)
  private mutating func insertSlowly(
    _ key: Int, of object: Int, _ nodes: UnsafeMutablePointer<JSONTape.Node>, _ text: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    if many != nil { return unsafe many!.insert(JSONKey.text(nodes[key], text)).inserted }
    var other = object + 1
    for _ in 0..<count {
      if unsafe nodes[other].detail == nodes[key].detail && JSONKey.isSame(nodes[key], nodes[other], text) { return false }
      other = unsafe Int(nodes[other + 1].next)
    }
    if count == Self.fewMaximum {
      var keys: Set<[UInt8]> = []
      other = object + 1
      for _ in 0...count {
        unsafe keys.insert(JSONKey.text(nodes[other], text))
        guard other < key else { break }
        other = unsafe Int(nodes[other + 1].next)
      }
      many = keys
    }
    return true
  }
}

/// A key's text, and a number that is the same for keys of the same text.
enum JSONKey {
  @inline(__always)
  static func fingerprint(_ node: JSONTape.Node, _ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
    guard !node.hasEscapes else { return fingerprint(unsafe self.text(node, text)) }
    return unsafe fingerprint(text.baseAddress! + Int(node.start) + 1, Int(node.end - node.start) - 2)
  }

  static func fingerprint(_ name: [UInt8]) -> UInt32 {
    // Sound: the pointer is used during the call only.
    unsafe name.withUnsafeBufferPointer { unsafe $0.isEmpty ? 0 : fingerprint($0.baseAddress!, $0.count) }
  }

  /// Made of the length and of the first and last eight bytes: enough to tell the names of an API apart, not to withstand an
  /// attacker; whoever uses it compares the bytes as well.
  @inline(__always)
  private static func fingerprint(_ base: UnsafePointer<UInt8>, _ count: Int) -> UInt32 {
    guard count > 0 else { return 0 }
    let raw = unsafe UnsafeRawPointer(base)
    let (first, last): (UInt64, UInt64)
    if count >= 8 {
      unsafe (first, last) = (raw.loadUnaligned(as: UInt64.self), (raw + count - 8).loadUnaligned(as: UInt64.self))
    } else if count >= 4 {
      unsafe (first, last) = (
        UInt64(raw.loadUnaligned(as: UInt32.self)), UInt64((raw + count - 4).loadUnaligned(as: UInt32.self))
      )
    } else {
      unsafe (first, last) = (UInt64(base[0]) | UInt64(base[count / 2]) << 8, UInt64(base[count - 1]))
    }
    let mixed = (first ^ last &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(count)) &* 0xD6E8_FEB8_6659_FD93
    return UInt32(truncatingIfNeeded: mixed >> 32)
  }

  static func isSame(_ left: JSONTape.Node, _ right: JSONTape.Node, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
    if left.hasEscapes || right.hasEscapes { return unsafe self.text(left, text) == self.text(right, text) }
    return unsafe text.span.slice(left.range).equals(text.span.slice(right.range))
  }

  static func text(_ node: JSONTape.Node, _ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    let inner = unsafe text.span.extracting(Int(node.start) + 1..<Int(node.end) - 1)
    return node.hasEscapes ? JSONString.unescaped(inner) : inner.bytes()
  }
}

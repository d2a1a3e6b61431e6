/// Base64url without padding (RFC 4648 §5, as JOSE uses it: RFC 7515 §2).
public enum Base64URL {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  private static let values: [UInt8] = {
    var table = [UInt8](repeating: 0xFF, count: 256)
    for (value, byte) in alphabet.enumerated() { table[Int(byte)] = UInt8(value) }
    return table
  }()

  public static func encode(_ bytes: Span<UInt8>) -> String {
    var text: [UInt8] = []
    append(bytes, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  public static func encode(_ bytes: [UInt8]) -> String { encode(bytes.span) }

  public static func append(_ bytes: Span<UInt8>, to text: inout [UInt8]) {
    text.reserveCapacity(text.count + (bytes.count * 4 + 2) / 3)
    var index = 0
    while index + 2 < bytes.count {
      let word = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
      text.append(alphabet[Int(word >> 18)])
      text.append(alphabet[Int(word >> 12 & 63)])
      text.append(alphabet[Int(word >> 6 & 63)])
      text.append(alphabet[Int(word & 63)])
      index += 3
    }
    guard index < bytes.count else { return }
    let first = bytes[index]
    text.append(alphabet[Int(first >> 2)])
    guard index + 1 < bytes.count else {
      text.append(alphabet[Int(first & 3) << 4])
      return
    }
    let second = bytes[index + 1]
    text.append(alphabet[Int(first & 3) << 4 | Int(second >> 4)])
    text.append(alphabet[Int(second & 15) << 2])
  }

  /// Nil for anything but the one spelling of some bytes: no padding, no other alphabet, no white space, and no bits set
  /// behind the last byte, so that two texts never stand for the same bytes.
  public static func decode(_ text: Span<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    return decode(text, into: &bytes) ? bytes : nil
  }

  public static func decode(_ text: String) -> [UInt8]? { decode(Array(text.utf8).span) }

  /// Replaces `bytes` by what the text stands for; false, with `bytes` undefined, when it is malformed.
  public static func decode(_ text: Span<UInt8>, into bytes: inout [UInt8]) -> Bool {
    bytes.removeAll(keepingCapacity: true)
    guard text.count % 4 != 1 else { return false }
    bytes.append(contentsOf: repeatElement(0, count: text.count * 3 / 4))
    return values.withUnsafeBufferPointer { values in
      bytes.withUnsafeMutableBufferPointer { bytes in unsafe decode(text, unsafe values, unsafe bytes) }
    }
  }

  /// Four characters give three bytes; two or three at the end give one or two.
  private static func decode(
    _ text: Span<UInt8>, _ values: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeMutableBufferPointer<UInt8>
  ) -> Bool {
    // What is not of the alphabet has its highest bits set, and is looked at once, at the end.
    var (all, index, place): (UInt8, Int, Int) = (0, 0, 0)
    while index + 4 <= text.count {
      let (a, b) = unsafe (values[Int(text[index])], values[Int(text[index + 1])])
      let (c, d) = unsafe (values[Int(text[index + 2])], values[Int(text[index + 3])])
      all |= a | b | c | d
      unsafe bytes[place] = a << 2 | b >> 4
      unsafe bytes[place + 1] = b << 4 | c >> 2
      unsafe bytes[place + 2] = c << 6 | d
      (index, place) = (index + 4, place + 3)
    }
    guard index < text.count else { return all < 64 }
    let (a, b) = unsafe (values[Int(text[index])], values[Int(text[index + 1])])
    unsafe bytes[place] = a << 2 | b >> 4
    guard index + 2 < text.count else { return (all | a | b) < 64 && b & 15 == 0 }
    let c = unsafe values[Int(text[index + 2])]
    unsafe bytes[place + 1] = b << 4 | c >> 2
    return (all | a | b | c) < 64 && c & 3 == 0
  }
}

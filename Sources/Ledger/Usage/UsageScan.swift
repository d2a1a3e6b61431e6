import Bytes

/// What accounting wants of an entry, as places in its line, found without parsing what else there is.
///
/// Good for lines as the ledger's writer makes them, whose chain the reader has checked: members without white space between
/// them. Anything else gives nil, and is parsed.
struct UsageScan {
  private(set) var isCall = false
  private(set) var isRefused = false
  private(set) var status = 0
  /// The text without its quotes; empty when there is none.
  private(set) var client = ByteRange(start: 0, count: 0)
  private(set) var api = ByteRange(start: 0, count: 0)
  private(set) var operation = ByteRange(start: 0, count: 0)

  /// - Parameters:
  ///   - line: a line of the ledger.
  ///   - members: where the entry's members lie in it.
  init?(_ line: Span<UInt8>, _ members: ByteRange) {
    var index = members.lower
    while index < members.upper {
      guard line[index] == 0x22, let end = line.firstIndex(of: 0x22, from: index + 1), end + 2 < members.upper,
        line[end + 1] == 0x3A, let next = Self.end(ofValueAt: end + 2, line, members.upper)
      else { return nil }
      let name = line.extracting(index + 1..<end)
      guard take(name, end + 2..<next, line) else { return nil }
      // Nothing after it matters to an entry that is no call.
      if name.equals("event"), !isCall { return }
      guard next == members.upper || line[next] == 0x2C else { return nil }
      index = next + 1
    }
    guard isCall, client.count > 0 else { return nil }
  }

  private mutating func take(_ name: Span<UInt8>, _ value: Range<Int>, _ line: Span<UInt8>) -> Bool {
    if name.equals("event") {
      isCall = line.extracting(value).equals("\"api.call\"")
    } else if name.equals("client_id") {
      return Self.set(&client, value, line)
    } else if name.equals("api") {
      return Self.set(&api, value, line)
    } else if name.equals("operation") {
      return Self.set(&operation, value, line)
    } else if name.equals("decision") {
      isRefused = line.extracting(value).equals("\"refused\"")
    } else if name.equals("status") {
      return setStatus(line.extracting(value))
    }
    return true
  }

  /// False unless the value is a text.
  private static func set(_ place: inout ByteRange, _ value: Range<Int>, _ line: Span<UInt8>) -> Bool {
    guard value.count > 2, line[value.lowerBound] == 0x22, place.count == 0 else { return false }
    place = ByteRange(start: value.lowerBound + 1, count: value.count - 2)
    return true
  }

  private mutating func setStatus(_ digits: Span<UInt8>) -> Bool {
    guard digits.count == 3, status == 0 else { return false }
    for index in 0..<3 {
      guard digits[index] >= 0x30, digits[index] <= 0x39 else { return false }
      status = status * 10 + Int(digits[index] - 0x30)
    }
    return true
  }

  /// One past the value; nil when it has an escape, is an object, or does not end.
  private static func end(ofValueAt start: Int, _ line: Span<UInt8>, _ limit: Int) -> Int? {
    switch line[start] {
    case 0x22: return end(ofTextAt: start, line, limit)
    case 0x5B:
      // A list of texts.
      var index = start + 1
      while index < limit, line[index] == 0x22, let end = end(ofTextAt: index, line, limit) {
        guard end < limit else { return nil }
        if line[end] == 0x5D { return end + 1 }
        guard line[end] == 0x2C else { return nil }
        index = end + 1
      }
      return index == start + 1 && index < limit && line[index] == 0x5D ? index + 1 : nil
    case 0x2D, 0x30...0x39, 0x66, 0x6E, 0x74:
      var index = start
      while index < limit, line[index] != 0x2C { index += 1 }
      return index
    default: return nil
    }
  }

  private static func end(ofTextAt start: Int, _ line: Span<UInt8>, _ limit: Int) -> Int? {
    guard let end = line.firstIndex(of: 0x22, from: start + 1), end < limit else { return nil }
    return line.extracting(start + 1..<end).firstIndex(of: 0x5C) == nil ? end + 1 : nil
  }
}

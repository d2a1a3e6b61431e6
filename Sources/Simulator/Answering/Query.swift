import Bytes

/// The parameters of a query, percent-encoding undone. A parameter may be there several times, or once with commas.
struct Query {
  private var values: [String: [String]] = [:]

  init(_ text: String?) throws(BackendError) {
    for part in (text ?? "").split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Self.decode(pair[0]), let value = Self.decode(pair.count == 2 ? pair[1] : "") else {
        throw .invalidArgument("The query is not percent-encoded UTF-8.")
      }
      values[name, default: []].append(value)
    }
  }

  func first(_ name: String) -> String? { values[name]?.first }

  func list(_ name: String) -> [String]? { values[name]?.flatMap { $0.split(separator: ",").map(String.init) } }

  func integer(_ name: String, default fallback: Int, in range: ClosedRange<Int>) throws(BackendError) -> Int {
    guard let text = first(name) else { return fallback }
    guard let number = Int(text) else { throw .invalidArgument("\(name) wants a whole number.") }
    guard range.contains(number) else {
      throw .outOfRange("\(name) wants a number from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }

  func choice(_ name: String, of choices: [String]) throws(BackendError) -> String? {
    guard let text = first(name) else { return nil }
    guard choices.contains(text) else { throw .invalidArgument("\(name) wants one of \(choices.joined(separator: ", ")).") }
    return text
  }

  private static func decode(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == 0x25 else { bytes.append(byte == 0x2B ? 0x20 : byte); continue }
      guard rest.count >= 2, let high = Hex.value(rest[rest.startIndex]), let low = Hex.value(rest[rest.startIndex + 1]) else {
        return nil
      }
      bytes.append(high << 4 | low)
      rest.removeFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

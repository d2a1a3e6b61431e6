import JOSE

/// Several values of one row, sealed as one: so that a row has one nonce and one tag, and none of its values can be put beside another's.
extension SealingKey {
  /// - Parameter context: names the table and the row; the bytes open nowhere else.
  func seal(fields: [[UInt8]], context: String) -> [UInt8] {
    var clear: [UInt8] = []
    clear.reserveCapacity(fields.reduce(0) { $0 + $1.count + 4 })
    for field in fields {
      let count = UInt32(field.count)
      for shift: UInt32 in [24, 16, 8, 0] { clear.append(UInt8(truncatingIfNeeded: count >> shift)) }
      clear.append(contentsOf: field)
    }
    return seal(clear, context: Array(context.utf8))
  }

  /// Nil when they were not sealed with this key and context, or are not as many.
  func openFields(_ sealed: [UInt8], count: Int, context: String) -> [[UInt8]]? {
    guard let clear = open(sealed, context: Array(context.utf8)) else { return nil }
    var rest = clear[...]
    var fields: [[UInt8]] = []
    while !rest.isEmpty {
      guard rest.count >= 4 else { return nil }
      let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(4)
      guard rest.count >= length else { return nil }
      fields.append(Array(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return fields.count == count ? fields : nil
  }
}

import Bytes

extension BodySchema.Format {
  /// Speaks of numbers, not of texts.
  var isNumeric: Bool {
    switch self {
    case .int32, .int64, .float, .double: true
    default: false
    }
  }

  /// Nothing more than its pattern.
  var isPattern: Bool {
    switch self {
    case .ipv4, .ipv6, .duration, .uuid, .uri, .uriReference: true
    default: false
    }
  }

  /// What each text of the format matches; nil where an expression does not say it, and for formats of numbers.
  var pattern: Pattern? {
    switch self {
    case .ipv4: Self.ipv4Pattern
    case .ipv6: Self.ipv6Pattern
    case .duration: Self.durationPattern
    case .uuid: Self.uuidPattern
    case .uri: Self.uriPattern
    case .uriReference: Self.uriReferencePattern
    case .email: Self.emailPattern
    case .hostname: Self.hostnamePattern
    case .byte: Self.bytePattern
    case .dateTime, .date, .int32, .int64, .float, .double: nil
    }
  }

  /// True when a text is of the format, whose pattern it matches; formats of numbers say nothing of texts.
  func admitsMatching(_ text: Span<UInt8>) -> Bool {
    switch self {
    case .dateTime: Timestamp(rfc3339: text) != nil
    case .date: Timestamp(fullDate: text) != nil
    case .email: text.count <= 320
    case .hostname: text.count <= 253
    case .byte: text.count % 4 == 0
    default: true
    }
  }

  /// True when a number fits the format; formats of texts say nothing of numbers.
  func admits(number: Double, _ literal: Span<UInt8>) -> Bool {
    switch self {
    case .int32: number >= -2_147_483_648 && number <= 2_147_483_647
    // Beyond that a double is no longer the number that was written.
    case .int64: abs(number) < 9_007_199_254_740_992 || Int(literal.string()) != nil
    case .float: abs(number) <= Double(Float.greatestFiniteMagnitude)
    default: true
    }
  }

  // All are right: a test reads them.
  /// Dotted decimals alone: no octal, no short form.
  private static let ipv4Pattern = try! Pattern("^\(dottedDecimals)$")
  private static let dottedDecimals = "\(octet)(\\.\(octet)){3}"
  private static let octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
  /// RFC 4291 §2.2: eight groups, of which the last two may be an IPv4 address; `::` stands once, for at least one of them.
  private static let ipv6Pattern: Pattern = {
    let group = "[0-9a-fA-F]{1,4}"
    let whole = "^(\(group):){6}(\(group):\(group)|\(dottedDecimals))$"
    let withGap = (0...7).map { before in
      let left = before == 0 ? "" : "\(group)(:\(group)){\(before - 1)}"
      let after = 7 - before
      let right = after == 0 ? "" : "((\(group):){0,\(after - 1)}\(group))?"
      return "^\(left)::\(right)$" + (after < 2 ? "" : "|^\(left)::(\(group):){0,\(after - 2)}\(dottedDecimals)$")
    }
    return try! Pattern(([whole] + withGap).joined(separator: "|"))
  }()
  private static let uuidPattern = try! Pattern("^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$")
  private static let uriPattern = try! Pattern("^[a-zA-Z][a-zA-Z0-9+.\\-]*:[!#-;=?-Z_a-z~\\[\\]]+$")
  private static let uriReferencePattern = try! Pattern("^[!#-;=?-Z_a-z~\\[\\]]+$")
  private static let emailPattern = try! Pattern(
    "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\\-]{1,64}@[A-Za-z0-9]([A-Za-z0-9\\-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9\\-]*[A-Za-z0-9])?)*$"
  )
  private static let hostnamePattern = try! Pattern(
    "^[A-Za-z0-9]([A-Za-z0-9\\-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9\\-]{0,61}[A-Za-z0-9])?)*$")
  private static let bytePattern = try! Pattern("^[A-Za-z0-9+/]*={0,2}$")
  /// RFC 3339 appendix A.
  private static let durationPattern = try! Pattern(
    "^P([0-9]+W|([0-9]+Y)?([0-9]+M)?([0-9]+D)?T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)|[0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)$"
  )
}

import Bytes
import Glibc

extension BodySchema.Format {
  /// Speaks of numbers, not of texts.
  var isNumeric: Bool {
    switch self {
    case .int32, .int64, .float, .double: true
    default: false
    }
  }

  /// True when the text is of the format; formats of numbers say nothing of texts.
  func admits(_ text: String) -> Bool {
    // What ends a text for C must not end it here.
    guard !text.utf8.contains(0) else { return false }
    switch self {
    case .ipv4:
      var address = in_addr()
      // inet_pton takes dotted decimals alone: no octal, no short forms.
      return inet_pton(AF_INET, text, &address) == 1
    case .ipv6:
      var address = in6_addr()
      return inet_pton(AF_INET6, text, &address) == 1
    case .dateTime: return Timestamp(rfc3339: text) != nil
    case .date: return text.utf8.count == 10 && Timestamp(rfc3339: text + "T00:00:00Z") != nil
    case .duration: return Self.durationPattern.matches(text.utf8)
    case .uuid: return Self.uuidPattern.matches(text.utf8)
    case .uri: return Self.uriPattern.matches(text.utf8)
    case .uriReference: return Self.uriReferencePattern.matches(text.utf8)
    case .email: return text.utf8.count <= 320 && Self.emailPattern.matches(text.utf8)
    case .hostname: return text.utf8.count <= 253 && Self.hostnamePattern.matches(text.utf8)
    case .byte: return text.utf8.count % 4 == 0 && Self.bytePattern.matches(text.utf8)
    case .int32, .int64, .float, .double: return true
    }
  }

  /// True when a number fits the format; formats of texts say nothing of numbers.
  func admits(number: Double, _ literal: String) -> Bool {
    switch self {
    case .int32: number >= -2_147_483_648 && number <= 2_147_483_647
    case .int64: Int(literal) != nil || abs(number) < 9_007_199_254_740_992
    case .float: abs(number) <= Double(Float.greatestFiniteMagnitude)
    default: true
    }
  }

  // All are right: a test reads them.
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

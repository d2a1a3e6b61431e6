import Bytes
import Glibc

extension RequestSchema.Format {
  /// True when the text is of the format.
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
    case .uuid: return Self.uuidPattern.matches(text.utf8)
    case .uri: return Self.uriPattern.matches(text.utf8)
    }
  }

  // Both are right: a test reads them.
  private static let uuidPattern = try! Pattern("^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$")
  private static let uriPattern = try! Pattern("^[a-zA-Z][a-zA-Z0-9+.\\-]*:[!#-;=?-Z_a-z~\\[\\]]+$")
}

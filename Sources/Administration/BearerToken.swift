import JOSE
import Wire

/// A bearer token of the operator's (RFC 6750 §2.1), compared in constant time.
enum BearerToken {
  static func isShown(by request: HTTPRequest, _ token: [UInt8]) -> Bool {
    let values = request.fields("authorization")
    guard values.count == 1, values[0].lowercased().hasPrefix("bearer ") else { return false }
    return ConstantTime.equals(Array(values[0].utf8.dropFirst(7)).span, token.span)
  }
}

import Bytes
import Wire

/// The value of `Authorization`: a scheme, one space, a token (RFC 6750 §2.1, RFC 9449 §7.1).
enum Credentials {
  enum Scheme: Int {
    case bearer = 7
    case dpop = 5

    /// The scheme's name and the space.
    var prefixCount: Int { rawValue }
  }

  /// The one field's value.
  @_lifetime(borrow exchange)
  static func value(_ exchange: Exchange) throws(APIError) -> Span<UInt8> {
    guard exchange.count(.authorization) == 1, let value = exchange.field(.authorization) else {
      throw APIError(.unauthenticated, exchange.count(.authorization) == 0 ? "token_missing" : "token_twice")
    }
    return value
  }

  /// Nil for a scheme that is none of ours, and for no token.
  static func scheme(_ value: Span<UInt8>) -> Scheme? {
    if value.count > 7, value.extracting(0..<7).equalsIgnoringASCIICase("bearer ") { return .bearer }
    if value.count > 5, value.extracting(0..<5).equalsIgnoringASCIICase("dpop ") { return .dpop }
    return nil
  }

  @_lifetime(copy value)
  static func token(_ value: Span<UInt8>, _ scheme: Scheme) -> Span<UInt8> {
    value.extracting(scheme.prefixCount..<value.count)
  }
}

import Bytes
import Policy
import Wire

/// Stage 4: one operation of one policy for path and method, and what the exchange of JSON asks of the headers.
///
/// The path that is matched is the path that is forwarded, byte for byte (A25): nothing is decoded, folded or cut here.
enum Route {
  static func run(_ exchange: Exchange, _ catalogue: Catalogue) throws(APIError) -> OperationPolicy {
    switch catalogue.routes.match(path: exchange.path, method: exchange.methodBytes) {
    case .operation(let operation):
      try negotiate(exchange, operation)
      return operation
    case .methodNotAllowed(let allowed):
      throw APIError(.methodNotAllowed, "method_not_allowed", allow: allowed)
    case .unknown, .notOurs:
      throw APIError(.notFound, "no_such_operation")
    }
  }

  /// `Accept` must admit JSON (406), and a body must say that it is JSON (415).
  private static func negotiate(_ exchange: Exchange, _ operation: OperationPolicy) throws(APIError) {
    if let accept = exchange.field(.accept), !admitsJSON(accept) { throw APIError(.notAcceptable, "accept_without_json") }
    guard exchange.hasBody, !exchange.body.isEmpty else { return }
    guard exchange.count(.contentType) == 1, let type = exchange.field(.contentType), isJSON(type) else {
      throw APIError(.unsupportedMediaType, "content_type_not_json")
    }
    guard exchange.field(.contentEncoding) == nil else { throw APIError(.unsupportedMediaType, "content_encoding") }
  }

  /// RFC 9110 §12.5.1, for the one media type that there is: a range that covers `application/json` with a weight above 0.
  static func admitsJSON(_ accept: Span<UInt8>) -> Bool {
    if accept.equals("application/json") || accept.equals("*/*") || accept.isEmpty { return true }
    var best = (specificity: -1, weight: true)
    for range in accept.string().lowercased().split(separator: ",") {
      let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
      let specificity: Int
      switch parts.first {
      case "application/json": specificity = 2
      case "application/*": specificity = 1
      case "*/*": specificity = 0
      default: continue
      }
      let isRefused = parts.dropFirst().contains { ["q=0", "q=0.", "q=0.0", "q=0.00", "q=0.000"].contains($0) }
      if specificity > best.specificity { best = (specificity, !isRefused) }
    }
    return best.specificity >= 0 && best.weight
  }

  /// `application/json`, with `charset=utf-8` or without a parameter (RFC 8259 §8.1: JSON is UTF-8).
  static func isJSON(_ type: Span<UInt8>) -> Bool {
    if type.equals("application/json") { return true }
    let parts = type.string().lowercased().split(separator: ";", omittingEmptySubsequences: false)
      .map { $0.filter { $0 != " " && $0 != "\t" } }
    guard parts[0] == "application/json" else { return false }
    return parts.dropFirst().allSatisfy { ["charset=utf-8", "charset=\"utf-8\""].contains($0) }
  }
}

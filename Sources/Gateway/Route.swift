import Bytes
import Wire

/// Stage 4: what the exchange of JSON asks of the headers, once path and method have led to one operation of one policy.
///
/// The path that is matched is the path that is forwarded, byte for byte (A25): nothing is decoded, folded or cut here.
enum Route {
  /// `Accept` must admit JSON (406), and a body must say that it is JSON (415).
  static func negotiate(_ exchange: Exchange) throws(APIError) {
    guard exchange.count(.accept) == 0 || acceptsJSON(exchange) else { throw APIError(.notAcceptable, "accept_without_json") }
    guard exchange.hasBody, !exchange.body.isEmpty else { return }
    guard exchange.count(.contentType) == 1, let type = exchange.field(.contentType), isJSON(type) else {
      throw APIError(.unsupportedMediaType, "content_type_not_json")
    }
    guard exchange.field(.contentEncoding) == nil else { throw APIError(.unsupportedMediaType, "content_encoding") }
  }

  /// Several fields of a name are one list (RFC 9110 §5.3).
  private static func acceptsJSON(_ exchange: Exchange) -> Bool {
    if exchange.count(.accept) == 1, let accept = exchange.field(.accept) { return admitsJSON(accept) }
    var list: [UInt8] = []
    for index in 0..<exchange.fieldCount where exchange.fieldName(index).equalsIgnoringASCIICase("accept") {
      if !list.isEmpty { list.append(0x2C) }
      list.append(exchange.fieldValue(index))
    }
    return admitsJSON(list.span)
  }

  /// RFC 9110 §12.5.1, for the one media type that there is: a range that covers `application/json` with a weight above 0.
  static func admitsJSON(_ accept: Span<UInt8>) -> Bool {
    if accept.equals("application/json") || accept.equals("*/*") || accept.isEmpty { return true }
    var best = (specificity: -1, weight: true)
    for range in accept.string().lowercased().split(separator: ",") {
      let parts = range.split(separator: ";").map(trimmed)
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

  /// Without the white space around it (RFC 9110 §5.6.3); what stands within belongs to it.
  private static func trimmed(_ text: Substring) -> String {
    let isBlank = { (character: Character) in character == " " || character == "\t" }
    var text = text.drop(while: isBlank)
    while let last = text.last, isBlank(last) { text.removeLast() }
    return String(text)
  }

  /// `application/json`, with `charset=utf-8` or without a parameter (RFC 8259 §8.1: JSON is UTF-8).
  static func isJSON(_ type: Span<UInt8>) -> Bool {
    if type.equals("application/json") { return true }
    let parts = type.string().lowercased().split(separator: ";", omittingEmptySubsequences: false)
      .map(trimmed)
    guard parts[0] == "application/json" else { return false }
    return parts.dropFirst().allSatisfy { ["charset=utf-8", "charset=\"utf-8\""].contains($0) }
  }
}

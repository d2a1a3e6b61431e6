import Bytes
import Wire

/// One request of a flow.
struct FlowRequest {
  let method: String
  let address: WebAddress
  /// Beside those that every request has.
  var fields: [(name: String, value: String)] = []
  var content = Content.none

  enum Content {
    case none
    case form([(name: String, value: String)])
    case json([UInt8])
  }

  var body: [UInt8] {
    switch content {
    case .none: []
    case .form(let form): Array(FlowRequest.encode(form).utf8)
    case .json(let bytes): bytes
    }
  }

  var contentType: String? {
    switch content {
    case .none: nil
    case .form: "application/x-www-form-urlencoded"
    case .json: "application/json"
    }
  }

  /// `a=1&b=2`, percent-encoded.
  static func encode(_ form: [(name: String, value: String)]) -> String {
    form.map { "\(Command.encode($0.name))=\(Command.encode($0.value))" }.joined(separator: "&")
  }
}

extension WebAddress {
  /// Scheme, host and port.
  var origin: String { "\(isSecure ? "https" : "http")://\(authority)" }
  /// The target before the first `?`.
  var path: String { String(target.prefix { $0 != "?" }) }
  /// What follows the first `?`; nil when there is none.
  var query: String? { target.firstIndex(of: "?").map { String(target[target.index(after: $0)...]) } }
  /// Nobody can listen: TLS, or it never leaves this machine.
  var isConfidential: Bool { isSecure || isLoopback }

  /// The address that a reference in this one's answer means (RFC 3986 §5.2), without fragment. Text still: it may be of a
  /// scheme that is not ours, as an application's own is.
  func resolving(_ reference: String) -> String {
    let text = String(reference.prefix { $0 != "#" })
    let beforeColon = text.prefix { $0 != ":" && $0 != "/" && $0 != "?" }
    if text.dropFirst(beforeColon.count).first == ":", beforeColon.first?.isLetter == true { return text }
    if text.hasPrefix("//") { return (isSecure ? "https:" : "http:") + text }
    if text.hasPrefix("/") { return origin + WebAddress.withoutDots(text) }
    if text.hasPrefix("?") { return origin + path + text }
    if text.isEmpty { return description }
    let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
    return origin + WebAddress.withoutDots(folder + text)
  }

  /// RFC 3986 §5.2.4, for a path that begins with a slash; the query stays as it is.
  private static func withoutDots(_ target: String) -> String {
    let path = target.prefix { $0 != "?" }
    guard path.contains("/.") else { return target }
    var kept: [Substring] = []
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    for (index, segment) in segments.enumerated() {
      let isLast = index == segments.count - 1
      if segment == ".." { _ = kept.popLast() } else if segment != "." { kept.append(segment) }
      if isLast, segment == "." || segment == ".." { kept.append("") }
    }
    return "/" + kept.joined(separator: "/") + target[path.endIndex...]
  }
}

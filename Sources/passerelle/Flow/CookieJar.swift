import Bytes
import Wire

/// The cookies of one visit (RFC 6265 §5.3 and §5.4), as far as an authorization server's pages want them. They are forgotten
/// with the command.
struct CookieJar {
  private struct Cookie {
    let name: String
    let value: String
    let domain: String
    /// Sent to this very host alone, not to those below it.
    let isHostOnly: Bool
    let path: String
    let isSecure: Bool
  }

  static let cookiesMaximum = 64
  static let bytesMaximum = 4096

  private var cookies: [Cookie] = []
  private let time: any TimeSource

  init(time: any TimeSource = SystemTime()) { self.time = time }

  /// Takes what the answer of an address sets.
  mutating func take(from response: HTTPResponse, of address: WebAddress) {
    for field in response.fields where field.name.lowercased() == "set-cookie" { take(field.value, address) }
  }

  /// The value of `Cookie` for a request; nil when there is none. Longer paths come first.
  func value(for address: WebAddress) -> String? {
    let fitting = cookies.filter { cookie in
      (cookie.isHostOnly ? cookie.domain == address.host : Self.isWithin(address.host, cookie.domain))
        && Self.isPath(address.path, within: cookie.path) && (!cookie.isSecure || address.isConfidential)
    }
    guard !fitting.isEmpty else { return nil }
    return fitting.sorted { $0.path.utf8.count > $1.path.utf8.count }.map { "\($0.name)=\($0.value)" }.joined(separator: "; ")
  }

  private mutating func take(_ text: String, _ address: WebAddress) {
    guard text.utf8.count <= Self.bytesMaximum else { return }
    let parts = text.split(separator: ";", omittingEmptySubsequences: false).map { String($0).trimmed }
    guard let (name, value) = Self.pair(parts[0]), let name, !name.isEmpty else { return }
    let attributes = parts.dropFirst().compactMap(Self.pair).map { ($0.0 ?? $0.1, $0.0 == nil ? "" : $0.1) }
    func attribute(_ name: String) -> String? { attributes.last { $0.0.lowercased() == name }?.1 }
    let isSecure = attribute("secure") != nil
    let path = attribute("path").flatMap { $0.hasPrefix("/") ? $0 : nil } ?? Self.defaultPath(address.path)
    var domain = (attribute("domain") ?? "").lowercased()
    if domain.hasPrefix(".") { domain.removeFirst() }
    // A domain of one label is everybody's.
    guard domain.isEmpty || (Self.isWithin(address.host, domain) && domain.contains(".")) else { return }
    guard !isSecure || address.isConfidential else { return }
    // RFC 6265bis §4.1.3: these names promise something.
    if name.hasPrefix("__Secure-"), !isSecure { return }
    if name.hasPrefix("__Host-"), !isSecure || path != "/" || !domain.isEmpty { return }
    let cookie = Cookie(
      name: name, value: value, domain: domain.isEmpty ? address.host : domain, isHostOnly: domain.isEmpty, path: path,
      isSecure: isSecure)
    cookies.removeAll { ($0.name, $0.domain, $0.path) == (cookie.name, cookie.domain, cookie.path) }
    guard !isOver(attribute("max-age"), attribute("expires")), cookies.count < Self.cookiesMaximum else { return }
    cookies.append(cookie)
  }

  /// True for a cookie that is set to be taken away. Of a date the year is looked at: a visit takes no longer.
  private func isOver(_ maxAge: String?, _ expires: String?) -> Bool {
    if let maxAge, let seconds = Int(maxAge) { return seconds <= 0 }
    let years = (expires ?? "").split { !$0.isNumber }.filter { $0.count == 4 }.compactMap { Int($0) }
    return years.first.map { $0 < time.now().year } ?? false
  }

  /// Name and value; no name without an equals sign.
  private static func pair(_ text: String) -> (String?, String)? {
    guard let equals = text.firstIndex(of: "=") else { return (nil, text) }
    return (String(text[..<equals]).trimmed, String(text[text.index(after: equals)...]).trimmed)
  }

  private static func isWithin(_ host: String, _ domain: String) -> Bool {
    host == domain || (host.hasSuffix("." + domain) && SocketAddress(ip: host, port: 0) == nil)
  }

  /// RFC 6265 §5.1.4.
  private static func isPath(_ path: String, within outer: String) -> Bool {
    path == outer || (path.hasPrefix(outer) && (outer.hasSuffix("/") || path.dropFirst(outer.count).hasPrefix("/")))
  }

  private static func defaultPath(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }
}

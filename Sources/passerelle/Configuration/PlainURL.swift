/// The parts of an `http` or `https` URL without userinfo, as configuration needs them (RFC 3986 §3).
struct PlainURL {
  let scheme: String
  /// Without the brackets of an IPv6 literal.
  let host: String
  let port: Int
  let path: String

  /// Nil for anything but `http(s)://host[:port][/path]`.
  init?(_ text: String) {
    guard let separator = text.firstRange(of: "://") else { return nil }
    scheme = String(text[..<separator.lowerBound])
    guard scheme == "http" || scheme == "https" else { return nil }
    let rest = text[separator.upperBound...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    path = String(rest.dropFirst(authority.count))
    guard !authority.contains("@"), authority.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
    var host = authority
    var port: Int? = scheme == "https" ? 443 : 80
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      host = authority[authority.index(after: authority.startIndex)..<end]
      let after = authority[authority.index(after: end)...]
      if after.hasPrefix(":") { port = Int(after.dropFirst()) } else if !after.isEmpty { return nil }
    } else if let colon = authority.lastIndex(of: ":") {
      host = authority[..<colon]
      port = Int(authority[authority.index(after: colon)...])
    }
    guard let port, (1...65_535).contains(port), !host.isEmpty else { return nil }
    self.host = String(host)
    self.port = port
  }

  var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}

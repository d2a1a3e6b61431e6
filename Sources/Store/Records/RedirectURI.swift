/// What a redirect URI must look like before it may be registered (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1; A15, A17).
///
/// The check is on bytes and stricter than a URI parser: what two parsers could read differently is refused, because the
/// browser is one of them. At run time a request's URI is compared byte for byte with a registered one and never parsed.
public enum RedirectURI {
  public static let bytesMaximum = 2048

  /// What is wrong with it, to follow the words "redirect_uri"; nil when it may be registered.
  public static func fault(in text: String) -> String? {
    if let fault = characterFault(in: text) { return fault }
    guard let scheme = scheme(of: text) else { return "must be absolute, with a scheme" }
    switch scheme {
    case "https", "http": return webFault(in: text)
    default:
      // RFC 8252 §7.1: a private-use scheme is a reversed domain name, so it has a dot. `javascript:`, `data:` have none.
      guard scheme.contains("."), !scheme.hasPrefix("."), !scheme.hasSuffix("."), !scheme.contains("..") else {
        return "must be https, http on a loopback address, or a private-use scheme with a dot in it (RFC 8252)"
      }
      guard !text.utf8.contains(0x40) else { return "must not contain \"@\"" }
      return nil
    }
  }

  /// The same for an address that must be of the web: `https`, or `http` on a loopback address.
  static func webFault(in text: String) -> String? {
    if let fault = characterFault(in: text) { return fault }
    let scheme = scheme(of: text)
    guard scheme == "https" || scheme == "http" else { return "must be an https address" }
    let rest = text.utf8.dropFirst((scheme?.utf8.count ?? 0) + 1)
    guard rest.starts(with: "//".utf8) else { return "must have \"//\" and a host after its scheme" }
    let afterSlashes = rest.dropFirst(2)
    let authority = afterSlashes.prefix { $0 != 0x2F && $0 != 0x3F }
    let path = afterSlashes.dropFirst(authority.count).prefix { $0 != 0x3F }
    // Many a parser splits at another "@" than the browser does (CVE-2026-7504): there is none, anywhere before the query.
    guard !authority.contains(0x40), !path.contains(0x40) else { return "must not contain user information or \"@\"" }
    guard let host = host(of: Substring(authority)) else { return "has no valid host or port" }
    guard scheme == "https" || ["127.0.0.1", "[::1]", "localhost"].contains(host) else {
      return "must be https; http is for 127.0.0.1, [::1] and localhost only"
    }
    // Dot segments and path parameters: `/callback/..;/evil` (CVE-2026-3872).
    for segment in Substring(path).split(separator: "/", omittingEmptySubsequences: true) {
      let name = segment.prefix { $0 != ";" }.lowercased()
      guard !["..", ".", "%2e", "%2e%2e", ".%2e", "%2e."].contains(name) else { return "must not contain dot segments" }
    }
    return nil
  }

  /// Visible ASCII that RFC 3986 allows, percent signs only before two hex digits, no fragment.
  private static func characterFault(in text: String) -> String? {
    let bytes = Array(text.utf8)
    guard !bytes.isEmpty, bytes.count <= bytesMaximum else { return "must have 1 to \(bytesMaximum) bytes" }
    for (index, byte) in bytes.enumerated() {
      switch byte {
      case 0x23: return "must not have a fragment"
      case 0x25:
        guard index + 2 < bytes.count, isHex(bytes[index + 1]), isHex(bytes[index + 2]) else {
          return "has a percent sign without two hexadecimal digits"
        }
      case 0...0x20, 0x22, 0x3C, 0x3E, 0x5C, 0x5E, 0x60, 0x7B...0xFF: return "has characters that a URI must not have"
      default: continue
      }
    }
    return nil
  }

  /// RFC 3986 §3.1, in lower case; nil when there is none.
  private static func scheme(of text: String) -> String? {
    guard let colon = text.utf8.firstIndex(of: 0x3A) else { return nil }
    let scheme = text[..<colon].lowercased()
    guard let first = scheme.utf8.first, (0x61...0x7A).contains(first),
      scheme.utf8.allSatisfy({
        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E
      })
    else { return nil }
    return scheme
  }

  /// The host of an authority without user information; nil when host or port are not well formed.
  private static func host(of authority: Substring) -> String? {
    var host = authority
    var port: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      host = authority[...end]
      let rest = authority[authority.index(after: end)...]
      if !rest.isEmpty {
        guard rest.hasPrefix(":") else { return nil }
        port = rest.dropFirst()
      }
      guard host.dropFirst().dropLast().utf8.allSatisfy({ isHex($0) || $0 == 0x3A || $0 == 0x2E }), host.count > 3 else {
        return nil
      }
    } else {
      if let colon = authority.firstIndex(of: ":") {
        host = authority[..<colon]
        port = authority[authority.index(after: colon)...]
      }
      let labels = host.split(separator: ".", omittingEmptySubsequences: false)
      guard host.utf8.count <= 253, labels.allSatisfy(isLabel) else { return nil }
    }
    if let port {
      guard port.utf8.count <= 5, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(port),
        (1...65535).contains(number)
      else { return nil }
    }
    return host.lowercased()
  }

  /// RFC 1123 §2.1: letters, digits and hyphens, no hyphen at an end. An internationalised name is written in its ASCII form.
  private static func isLabel(_ label: Substring) -> Bool {
    (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
      && label.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
      }
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }
}

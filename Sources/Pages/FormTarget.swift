/// The source expression of CSP for a client's redirect URI: what its page of answer may be reached by.
enum FormTarget {
  /// `https://app.example:8443` of an address of the web; the scheme alone where CSP has no name for the host (an IPv6 literal)
  /// or there is none (`com.example.app:`). Nil when the URI is not one that could have been registered.
  static func source(of redirectURI: String) -> String? {
    guard let colon = redirectURI.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let scheme = redirectURI[..<colon]
    // Nothing that could end the directive or begin another gets into the field, whatever was registered.
    let isPlain = { (byte: UInt8) in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || Array("+-.:".utf8).contains(byte)
    }
    guard !scheme.isEmpty, scheme.utf8.allSatisfy(isPlain) else { return nil }
    let rest = redirectURI[colon...].dropFirst()
    guard scheme == "https" || scheme == "http", rest.hasPrefix("//") else { return "\(scheme):" }
    let authority = rest.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
    return !authority.isEmpty && authority.utf8.allSatisfy(isPlain) ? "\(scheme)://\(authority)" : "\(scheme):"
  }
}

/// Which certificates are for which name (RFC 6066 §3): for each name, the first of every kind of key.
struct TLSServerNames {
  /// Places in the list of certificates, by name or wildcard in lower case.
  private(set) var places: [String: [Int]] = [:]
  /// For a client that names nothing, or nothing that is known: the first certificate, and those of other kinds of keys that share a
  /// name with it.
  private(set) var fallback: [Int]

  /// - Parameter certificates: one or more.
  init(_ certificates: [(names: [String], keyType: String)]) {
    for (place, certificate) in certificates.enumerated() {
      for name in certificate.names {
        let there = places[name] ?? []
        if !there.contains(where: { certificates[$0].keyType == certificate.keyType }) { places[name] = there + [place] }
      }
    }
    fallback = [0]
    for name in certificates[0].names {
      for place in places[name] ?? []
      where !fallback.contains(where: { certificates[$0].keyType == certificates[place].keyType }) { fallback.append(place) }
    }
  }

  /// Nil for a name that no certificate is for.
  func places(for name: String) -> [Int]? { places[name] ?? Self.wildcard(for: name).flatMap { places[$0] } }

  /// The wildcard that covers a name: `*` for its first label and for no more (RFC 9525 §6.3).
  static func wildcard(for name: String) -> String? {
    guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return nil }
    return "*" + name[dot...]
  }
}

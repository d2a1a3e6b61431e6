import Bytes
import Wire

/// Where the listeners listen.
extension Configuration {
  /// - Throws: `DocumentError` for a name: which of its addresses would be meant, and since when, nobody could say.
  static func listenHost(_ reader: inout ObjectReader, _ value: JSONValue) throws(DocumentError) -> String? {
    guard let host = try reader.optionalString("host") else { return nil }
    guard SocketAddress(ip: host, port: 0) != nil else {
      throw (value["host"] ?? value).error("host wants an address such as 127.0.0.1, 0.0.0.0 or ::, and no name")
    }
    return host
  }

  /// - Throws: `DocumentError` when two listeners want the same port of the same address.
  func checkListeners(_ root: JSONValue) throws(DocumentError) {
    var taken: [(key: String, host: String, port: Int)] = []
    let all: [(key: String, host: String, port: Int, value: JSONValue?)?] = [
      ("listen", listen.host, listen.port, root["listen"]), ("admin", admin.host, admin.port, root["admin"]),
      mutualTLS.map { ("mutualTLS.listen", $0.listen.host, $0.listen.port, root["mutualTLS"]?["listen"]) },
    ]
    for case (let key, let host, let port, let value)? in all {
      if let other = taken.first(where: { $0.port == port && port != 0 && Self.overlap($0.host, host) }) {
        throw (value?["port"] ?? value ?? root).error("\(key) and \(other.key) both want port \(port)")
      }
      taken.append((key, host, port))
    }
  }

  /// Who listens on every address listens on each.
  private static func overlap(_ one: String, _ other: String) -> Bool {
    one == other || [one, other].contains { $0 == "0.0.0.0" || $0 == "::" }
  }
}

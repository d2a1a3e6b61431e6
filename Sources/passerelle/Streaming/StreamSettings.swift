import Bytes
import Ledger
import Wire

extension Configuration {
  /// Where the ledger's entries are sent as they come (`ledger.streams`).
  struct Stream: Sendable, Equatable {
    enum Destination: Sendable, Equatable {
      /// RFC 5424 over UDP (RFC 5426) or TLS (RFC 5425).
      case syslog(host: String, port: Int, isTLS: Bool)
      /// Batches of JSON lines, posted.
      case collector(address: WebAddress, bearerTokenFile: String?)
    }

    /// What the file of a collector's token is called where it cannot be used.
    static let bearerTokenKey = "ledger.streams.http.bearerTokenFile"

    /// In file names and in health: small letters, digits, hyphens.
    var name: String
    var destination: Destination
    var format = ExportFormat.jsonl
    /// RFC 5424 §6.2.1; 13 is "log audit".
    var facility = 13
  }
}

extension Configuration.Stream {
  static let countMaximum = 8

  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    name = try reader.string("name")
    guard (1...32).contains(name.utf8.count), name.utf8.allSatisfy({ Self.isNameByte($0) }) else {
      throw (value["name"] ?? value).error("name wants 1 to 32 small letters, digits and hyphens")
    }
    let (syslog, http) = (try reader.optionalObject("syslog"), try reader.optionalObject("http"))
    switch (syslog, http) {
    case (let inner?, nil): (destination, facility) = try Self.syslog(inner, value)
    case (nil, let inner?): destination = try Self.collector(inner, value, folder: folder)
    default: throw value.error("a stream wants \"syslog\" or \"http\"")
    }
    if let text = try reader.optionalString("format") {
      guard let format = ExportFormat(rawValue: text), format != .csv else {
        throw (value["format"] ?? value).error("format wants \"jsonl\", \"ocsf\" or \"ecs\"")
      }
      self.format = format
    }
    try reader.finish()
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D
  }

  private static func syslog(_ inner: ObjectReader, _ value: JSONValue) throws(DocumentError) -> (Destination, Int) {
    var inner = inner
    let host = try inner.string("host")
    guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw value.error("host wants a name or an address")
    }
    let transport = try inner.optionalString("transport") ?? "tls"
    guard ["tls", "udp"].contains(transport) else { throw value.error("transport wants \"tls\" or \"udp\"") }
    let isTLS = transport == "tls"
    // RFC 5425 §4.1, RFC 5426 §3.3.
    let port = try inner.optionalInteger("port", in: 1...65_535) ?? (isTLS ? 6514 : 514)
    let facility = try inner.optionalInteger("facility", in: 0...23) ?? 13
    try inner.finish()
    return (.syslog(host: host, port: port, isTLS: isTLS), facility)
  }

  private static func collector(
    _ inner: ObjectReader, _ value: JSONValue, folder: String
  ) throws(DocumentError) -> Destination {
    var inner = inner
    let address = try inner.confidentialAddress("url", of: value)
    let token = try inner.optionalString("bearerTokenFile").map { Files.path($0, in: folder) }
    try inner.finish()
    return .collector(address: address, bearerTokenFile: token)
  }
}

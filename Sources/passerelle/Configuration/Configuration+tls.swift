import Bytes
import Wire

extension Configuration {
  /// An address of its own for clients that bring a certificate (RFC 8705 §5), beside the usual one, where browsers are not asked for
  /// any.
  struct MutualTLS: Sendable {
    /// Under which the outside reaches it, without a slash at the end.
    var url: String
    var listen: Listen
  }

  /// How connections to a backend are secured.
  struct UpstreamTLS: Sendable, Hashable {
    /// The authorities that are trusted, in PEM; nil for the system's.
    var caFile: String?
    /// The gateway's own certificate and key, for a backend that wants one.
    var certificateFile: String?
    var keyFile: String?
    /// What the backend's certificate is for, where that is not the host of the URL.
    var serverName: String?
  }
}

extension TLSServerSettings {
  private static let certificatesMaximum = 100

  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    var certificates: [Certificate] = []
    for element in try reader.optionalArray("certificates") ?? [] {
      certificates.append(try Self.certificate(element, folder))
    }
    guard (1...Self.certificatesMaximum).contains(certificates.count) else {
      throw value.error(
        "tls wants certificates: 1 to \(Self.certificatesMaximum) of { \"certificateFile\": ..., \"keyFile\": ... }")
    }
    self.init(certificates: certificates)
    if let version = try reader.optionalString("minimumVersion") {
      guard ["1.2", "1.3"].contains(version) else {
        throw (value["minimumVersion"] ?? value).error("minimumVersion wants \"1.2\" or \"1.3\"")
      }
      isModernOnly = version == "1.3"
    }
    sessionSeconds = (try reader.optionalInteger("sessionMinutes", in: 0...1440)).map { $0 * 60 } ?? sessionSeconds
    if let element = reader.value("clientCertificates") {
      var inner = try ObjectReader(element)
      let mode = try inner.optionalString("mode") ?? "requested"
      guard ["requested", "required"].contains(mode) else {
        throw (element["mode"] ?? element).error("mode wants \"requested\" or \"required\"")
      }
      clientCertificates = ClientCertificates(
        caFile: Files.path(try inner.string("caFile"), in: folder), isRequired: mode == "required")
      try inner.finish()
    }
    try reader.finish()
  }

  private static func certificate(_ value: JSONValue, _ folder: String) throws(DocumentError) -> Certificate {
    var reader = try ObjectReader(value)
    let certificate = Certificate(
      certificateFile: Files.path(try reader.string("certificateFile"), in: folder),
      keyFile: Files.path(try reader.string("keyFile"), in: folder),
      ocspFile: try reader.optionalString("ocspFile").map { Files.path($0, in: folder) })
    try reader.finish()
    return certificate
  }
}

extension Configuration.MutualTLS {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    url = try reader.string("url")
    guard let address = WebAddress(url), address.isSecure, address.target == "/", !url.hasSuffix("/") else {
      throw (value["url"] ?? value).error(
        "url wants an https address such as https://mtls.example.com, without a path or a slash")
    }
    guard let element = reader.value("listen") else {
      throw value.error("\"listen\" is missing: where these connections come in")
    }
    listen = try Configuration.Listen(element, folder: folder)
    guard listen.tls?.clientCertificates != nil else {
      throw element.error("listen wants tls with clientCertificates: without them there is no mutual TLS")
    }
    try reader.finish()
  }
}

extension Configuration.UpstreamTLS {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    caFile = try reader.optionalString("caFile").map { Files.path($0, in: folder) }
    certificateFile = try reader.optionalString("certificateFile").map { Files.path($0, in: folder) }
    keyFile = try reader.optionalString("keyFile").map { Files.path($0, in: folder) }
    guard (certificateFile == nil) == (keyFile == nil) else {
      throw value.error("certificateFile and keyFile belong together: give both or none")
    }
    serverName = try reader.optionalString("serverName")
    if let serverName, WebAddress("https://\(serverName)")?.authority != serverName.lowercased() {
      throw (value["serverName"] ?? value).error("serverName wants a name such as backend.example.com, or a numeric address")
    }
    try reader.finish()
  }

  /// - Throws: one line that names the file that is wrong.
  func context() throws -> TLSClientContext {
    do {
      return try TLSClientContext(
        caFile: caFile, certificateFile: certificateFile, keyFile: keyFile, trustsSystem: caFile == nil, serverName: serverName,
        resumes: true)
    } catch { throw CommandFailure("\(error)") }
  }
}

import Identifiers
import JOSE
import Wire

/// The logos of applications: the operator's own files, served by us. An image from an application's server would tell it who looks at a
/// page about it, and when.
///
/// PNG, JPEG and WebP by their first bytes: none of them can hold a script. Immutable; any thread.
public struct Logos: Sendable {
  /// Of one file. A logo is shown 64 pixels high.
  public static let bytesMaximum = 128 << 10
  public static let countMaximum = 1000
  static let pathPrefix = "/logo/"

  struct Logo: Sendable {
    let bytes: [UInt8]
    let type: String
    /// Named by its content, so that what was shown is told by the page's digest.
    let path: String
  }

  private var byClient: [ClientID: Logo] = [:]
  private var byPath: [String: Logo] = [:]

  /// None.
  public init() {}

  /// - Parameter files: by name, which is the client's id and the ending of its kind: `demo-all.png`.
  /// - Throws: `LogoFault` for the first file that is something else.
  public init(_ files: [(name: String, bytes: [UInt8])]) throws(LogoFault) {
    guard files.count <= Self.countMaximum else { throw LogoFault(name: "", reason: "more than \(Self.countMaximum) logos") }
    for (name, bytes) in files {
      guard let dot = name.lastIndex(of: "."), let client = ClientID(rawValue: String(name[..<dot])) else {
        throw LogoFault(name: name, reason: "a logo is named client_id.png, .jpg or .webp")
      }
      guard bytes.count <= Self.bytesMaximum else {
        throw LogoFault(name: name, reason: "larger than \(Self.bytesMaximum) bytes")
      }
      guard let type = Self.type(bytes) else { throw LogoFault(name: name, reason: "neither a PNG nor a JPEG nor a WebP image") }
      guard Self.endings[type, default: []].contains(name[name.index(after: dot)...].lowercased()) else {
        throw LogoFault(name: name, reason: "it is \(type), and its name says something else")
      }
      guard byClient[client] == nil else { throw LogoFault(name: name, reason: "the client has another logo, too") }
      let logo = Logo(bytes: bytes, type: type, path: Self.pathPrefix + SHA256.digest(bytes).base64url)
      byClient[client] = logo
      byPath[logo.path] = logo
    }
  }

  private static let endings = ["image/png": ["png"], "image/jpeg": ["jpg", "jpeg"], "image/webp": ["webp"]]

  /// By the first bytes (WHATWG MIME Sniffing §6.1); nil for anything else, also for what a browser would sniff.
  private static func type(_ bytes: [UInt8]) -> String? {
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return "image/png" }
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
    if bytes.count > 12, bytes.starts(with: Array("RIFF".utf8)), bytes[8..<12].elementsEqual("WEBP".utf8) { return "image/webp" }
    return nil
  }

  /// The address of a client's logo on this server.
  func path(of client: ClientID) -> String? { byClient[client]?.path }

  func has(_ path: String) -> Bool { byPath[path] != nil }

  func respond(to request: HTTPRequest) -> HTTPResponse {
    guard request.method == "GET" else { return PageAnswer.methodNotAllowed("GET") }
    guard let logo = byPath[request.path] else { return HTTPResponse(status: 404) }
    return HTTPResponse(
      status: 200,
      fields: [
        ("content-type", logo.type), ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cross-origin-resource-policy", "same-origin"), ("cache-control", "public, max-age=86400, immutable"),
      ], body: logo.bytes)
  }
}

/// What is wrong with a file among the logos.
public struct LogoFault: Error, CustomStringConvertible {
  let name: String
  let reason: String
  public var description: String { name.isEmpty ? reason : "\(name): \(reason)" }
}

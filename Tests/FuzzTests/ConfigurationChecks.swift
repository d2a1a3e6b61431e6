import Foundation

@testable import Bytes
@testable import Wire
@testable import passerelle

/// Configurations: refused with a place that is there, or one in which nothing is open that must not be.
enum ConfigurationChecks {
  static func check(_ bytes: [UInt8]) throws {
    let configuration: Configuration
    do throws(DocumentError) {
      let document = try JSONDocument(bytes, file: "c.json", dialect: .commented)
      configuration = try Configuration(document.root, folder: "/nowhere")
    } catch {
      // Faults of files that a configuration names have their own name and place.
      return error.file == "c.json" ? try JSONChecks.checkPlace(error, bytes) : ()
    }
    guard let issuer = WebAddress(configuration.issuer) else { throw Broken(description: "an issuer that is no URL") }
    try hold(issuer.isSecure || issuer.isLoopback, "an issuer without TLS")
    let isLocal = SocketAddress(ip: configuration.listen.host, port: 0)?.isLoopback == true
    try hold(configuration.ledger.durability != .none || isLocal, "served to others without a record")
    try hold((0...65_535).contains(configuration.listen.port), "a port that is none")
  }
}

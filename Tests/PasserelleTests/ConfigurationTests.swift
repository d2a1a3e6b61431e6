import Bytes
import Foundation
import Gateway
import Testing

@testable import passerelle

@Suite struct ConfigurationTests {
  /// A configuration with what is required, and more.
  private static func load(_ more: String = "") throws -> Configuration {
    let file = NSTemporaryDirectory() + "passerelle-configuration-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: file) }
    let text = """
      { "issuer": "https://api.example", "data": "d", "keys": "k", "policies": "p", "upstreams": {}, \(more) }
      """
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    return try Configuration.load(file: file)
  }

  @Test func theExampleIsAConfigurationAndHasTheDefaults() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let example = try Configuration.load(file: root.appendingPathComponent("deploy/passerelle.example.json").path)
    let plain = try Self.load()
    for configuration in [example, plain] {
      #expect(configuration.dpop.mode == .supported)
      #expect(configuration.dpop.demandedClaims.isEmpty)
      #expect(configuration.dpop.proofsRemembered == 1_000_000)
    }
  }

  @Test func whatIsSaidOfDPoPReachesTheGateway() throws {
    let text = #""dpop": { "mode": "required", "claims": ["camara:qh", "camara:bh"], "proofsRemembered": 5000 }"#
    let settings = try Self.load(text).gatewaySettings.dpop
    #expect(settings.mode == .required)
    #expect(settings.demandedClaims == [.body, .query])
    #expect(settings.proofsRemembered == 5000)
    #expect(try Self.load(#""dpop": { "mode": "off" }"#).gatewaySettings.dpop.mode == .off)
  }

  @Test(arguments: [
    (#""dpop": { "mode": "on" }"#, "mode"), (#""dpop": { "claims": ["bh"] }"#, "claims"),
    (#""dpop": { "claims": "camara:bh" }"#, "claims"), (#""dpop": { "proofsRemembered": 1023 }"#, "proofsRemembered"),
    (#""dpop": { "proofRemembered": 1 }"#, "proofsRemembered"), (#""dpop": true"#, "object"),
  ])
  func whatIsWrongOfDPoPIsRefusedByName(_ text: String, _ word: String) {
    let error = #expect(throws: DocumentError.self) { try Self.load(text) }
    #expect(error?.reason.contains(word) == true, "\(error?.reason ?? "")")
  }
}

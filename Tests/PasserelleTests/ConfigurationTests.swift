import Bytes
import Foundation
import Gateway
import Testing
import Wire

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

  @Test func theExampleShowsStreamsAndRetentionAndWithoutThemThereAreNone() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let example = try Configuration.load(file: root.appendingPathComponent("deploy/passerelle.example.json").path).ledger
    #expect(example.streams.map(\.name) == ["siem", "collector"] && example.streams.map(\.format) == [.jsonl, .ocsf])
    #expect(example.retentionDays == 730)
    let plain = try Self.load().ledger
    #expect(plain.streams.isEmpty && plain.retentionDays == nil)
  }

  @Test func theExampleHasTheDefaultsOfRecognitionAndCIBA() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let example = try Configuration.load(file: root.appendingPathComponent("deploy/passerelle.example.json").path)
    let hook = Configuration.Hook(address: WebAddress("https://x.example")!)
    #expect(example.hooks.map(\.name).count == 5)
    for (_, found) in example.hooks {
      #expect(found.timeoutMilliseconds == hook.timeoutMilliseconds && found.requestsMaximum == hook.requestsMaximum)
    }
    let code = try #require(example.recognition.oneTimeCode)
    let plain = Configuration.OneTimeCode(webhook: hook)
    #expect(code.fields == plain.fields && code.settings.limits == plain.settings.limits)
    #expect(code.settings.lifetimeSeconds == plain.settings.lifetimeSeconds)
    let ciba = try Self.load().backchannel
    #expect(example.backchannel.fields == ciba.fields && example.backchannel.intervalSeconds == ciba.intervalSeconds)
    #expect(example.backchannel.lifetimeSeconds == ciba.lifetimeSeconds && ciba.webhook == nil)
  }

  @Test(arguments: [
    (#""recognition": { "addressLookup": {} }"#, "url"), (#""recognition": { "addressLookup": { "url": "ftp://x" } }"#, "url"),
    (#""recognition": { "operatorToken": { "url": "http://x", "timeoutMillisecond": 1 } }"#, "timeoutMilliseconds"),
    (#""recognition": { "numberDirectory": { "url": "http://x", "timeoutMilliseconds": 0 } }"#, "timeoutMilliseconds"),
    (#""recognition": { "oneTimeCode": { "url": "http://x", "fields": ["phoneNumber"] } }"#, "text"),
    (#""recognition": { "oneTimeCode": { "url": "http://x", "fields": ["phoneNumber", "txt"] } }"#, "phoneNumber, text"),
    (#""recognition": { "oneTimeCode": { "url": "http://x", "attemptsPerCode": 6 } }"#, "attemptsPerCode"),
    (#""recognition": { "oneTimeCode": { "url": "http://x", "countryCode": "+33" } }"#, "countryCode"),
    (#""recognition": { "browserAddress": { "header": "x", "trustedProxies": ["10.0.0.1/8"] } }"#, "CIDR"),
    (#""ciba": { "channel": { "webhook": { "url": "http://x", "fields": ["link"] } } }"#, "phoneNumber"),
    (#""ciba": { "channel": {} }"#, "webhook"), (#""ciba": { "intervalSeconds": 0 }"#, "intervalSeconds"),
    (#""outbound": { "caFiel": "x" }"#, "caFile"),
    (#""ledger": { "durability": "non" }"#, "durable"),
    (#""listen": { "host": "0.0.0.0" }, "ledger": { "durability": "none" }"#, "loopback"),
    (#""ledger": { "retentionDay": 1 }"#, "retentionDays"), (#""ledger": { "retentionDays": 0 }"#, "retentionDays"),
    (#""ledger": { "streams": [{ "name": "a", "syslog": { "host": "h", "transport": "tcp" } }] }"#, "transport"),
    (#""ledger": { "streams": [{ "name": "a", "http": { "url": "http://example.org/" } }] }"#, "https"),
    (#""ledger": { "streams": [{ "name": "../a", "syslog": { "host": "h" } }] }"#, "name"),
    (#""ledger": {"streams": [{"name": "a", "syslog": {"host": "h"}}, {"name": "a", "syslog": {"host": "i"}}]}"#, "own"),
  ])
  func whatIsWrongOfRecognitionIsRefusedByName(_ text: String, _ word: String) {
    let error = #expect(throws: DocumentError.self) { try Self.load(text) }
    #expect(error?.reason.contains(word) == true, "\(error?.reason ?? "")")
  }

  private static let pair = #"{ "certificateFile": "c", "keyFile": "/k" }"#

  @Test func whatIsSaidOfTLS() throws {
    let configuration = try Self.load(
      """
      "listen": { "tls": { "certificates": [\(Self.pair)], "minimumVersion": "1.3", "sessionMinutes": 5,
        "clientCertificates": { "caFile": "ca", "mode": "required" } } },
      "mutualTLS": { "url": "https://mtls.example", "listen": { "port": 8444, "tls": {
        "certificates": [\(Self.pair)], "clientCertificates": { "caFile": "ca" } } } }
      """)
    let tls = try #require(configuration.listen.tls)
    #expect(tls.isModernOnly && tls.sessionSeconds == 300 && tls.clientCertificates?.isRequired == true)
    #expect(tls.certificates[0].certificateFile.hasSuffix("/c") && tls.certificates[0].keyFile == "/k")
    #expect(configuration.mutualTLS?.listen.tls?.clientCertificates?.isRequired == false)
    #expect(configuration.asksForCertificates)
    #expect(try !Self.load().asksForCertificates)
  }

  @Test(arguments: [
    (#""listen": { "tls": {} }"#, "certificates"), (#""listen": { "tls": { "certificates": [] } }"#, "certificates"),
    (#""listen": { "tls": { "certificates": [{ "certificateFile": "x" }] } }"#, "keyFile"),
    (#""listen": { "tls": { "certificates": [\#(pair)], "minimumVersion": "1.1" } }"#, "minimumVersion"),
    (#""listen": { "tls": { "certificates": [\#(pair)], "sessionMinute": 1 } }"#, "sessionMinutes"),
    (#""listen": { "tls": { "certificates": [\#(pair)], "clientCertificates": {} } }"#, "caFile"),
    (#""listen": { "tls": { "certificates": [\#(pair)], "clientCertificates": { "caFile": "x", "mode": "none" } } }"#, "mode"),
    (#""mutualTLS": { "url": "https://m.example" }"#, "listen"),
    (
      #""mutualTLS": {"url": "https://m.example", "listen": {"tls": {"certificates": [\#(pair)], "clientCertificates": {"caFile": "x"}}}}"#,
      "mutualTLS.listen and listen both want port 8080"
    ), (#""listen": { "host": "localhost" }"#, "host wants an address"),
    (#""mutualTLS": { "url": "http://m.example", "listen": {} }"#, "https"),
    (#""mutualTLS": { "url": "https://m.example/", "listen": {} }"#, "slash"),
    (#""mutualTLS": { "url": "https://m.example", "listen": { "tls": { "certificates": [\#(pair)] } } }"#, "clientCertificates"),
  ])
  func whatIsWrongOfTLSIsRefusedByName(_ text: String, _ word: String) {
    let error = #expect(throws: DocumentError.self) { try Self.load(text) }
    #expect(error?.reason.contains(word) == true, "\(error?.reason ?? "")")
  }

  @Test func whatIsSaidOfDPoPReachesTheGateway() throws {
    let text = #""dpop": { "mode": "required", "claims": ["camara:qh", "camara:bh"], "proofsRemembered": 5000 }"#
    let settings = try Self.load(text).makeGatewaySettings().dpop
    #expect(settings.mode == .required)
    #expect(settings.demandedClaims == [.body, .query])
    #expect(settings.proofsRemembered == 5000)
    #expect(try Self.load(#""dpop": { "mode": "off" }"#).makeGatewaySettings().dpop.mode == .off)
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

import Bytes
import Foundation
import Gateway
import Testing
import Wire

@testable import passerelle

@Suite struct UpstreamConfigurationTests {
  private static func load(_ upstreams: String) throws -> Configuration {
    let file = NSTemporaryDirectory() + "passerelle-upstreams-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: file) }
    let text = """
      { "issuer": "https://api.example", "data": "d", "keys": "k", "policies": "p", "upstreams": { "a": \(upstreams) } }
      """
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    return try Configuration.load(file: file)
  }

  private static func settings(_ upstream: String) throws -> UpstreamSettings {
    try #require(try load(upstream).makeGatewaySettings().upstreams["a"]).settings
  }

  @Test func theShortFormIsOneTargetWithTheDefaults() throws {
    let plain = UpstreamSettings(targets: [.init(UpstreamTarget(host: "127.0.0.1", port: 9101))])
    #expect(try Self.settings(#"{ "url": "http://127.0.0.1:9101" }"#) == plain)
    #expect(try Self.settings(#"{ "targets": [{ "url": "http://127.0.0.1:9101" }] }"#) == plain)
    #expect(plain.check == nil && plain.limits.queueMilliseconds == 1000)
  }

  @Test func theExampleHasTheDefaultsAndACheck() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let example = try Configuration.load(file: root.appendingPathComponent("deploy/passerelle.example.json").path).upstreams
    let plain = try #require(try Self.load(#"{ "url": "http://127.0.0.1:9101" }"#).upstreams["a"]).settings
    var shown = try #require(example["device-identifier"]).settings
    #expect(shown.check?.path == "/health")
    shown.check?.path = nil
    #expect(shown.check == UpstreamSettings.Check())
    shown.check = nil
    #expect(shown == plain)
    #expect(example["device-identifier"]?.operationTimeoutMilliseconds == ["matchIdentifier": 2000])
    #expect(example["sim-swap"]?.targets.map(\.weight) == [2, 1])
  }

  @Test func everyKeyReachesTheGateway() throws {
    let upstream = try Self.load(
      """
      { "targets": [{ "url": "http://127.0.0.1:1", "weight": 3 }, { "url": "http://b.example" }], "timeoutMilliseconds": 7,
        "validateAnswers": "refuse",
        "operations": { "x": { "timeoutMilliseconds": 8 } }, "connectionsMaximum": 9, "idleConnectionsMaximum": 10,
        "idleSecondsMaximum": 11, "connectSecondsMaximum": 12, "queueMaximum": 13, "queueMilliseconds": 14,
        "answerBytesMaximum": 15000, "slowStartSeconds": 16, "resolveSeconds": 17,
        "health": { "connectFaultsMaximum": 18, "answerFaultsMaximum": 19, "ejectedMilliseconds": 20,
          "ejectedMillisecondsMaximum": 21 },
        "check": { "path": "/h?x=1", "intervalMilliseconds": 220, "timeoutMilliseconds": 23, "badMaximum": 24, "goodMinimum": 25 },
        "retries": { "percent": 26, "burst": 27, "perCallMaximum": 8 } }
      """
    ).makeGatewaySettings().upstreams["a"]
    let made = try #require(upstream)
    #expect(made.timeoutMilliseconds == 7 && made.operationTimeoutMilliseconds == ["x": 8] && made.answerValidation == .refuse)
    let (settings, limits) = (made.settings, made.settings.limits)
    #expect(settings.targets.map(\.weight) == [3, 1] && settings.targets.map(\.target.port) == [1, 80])
    #expect(limits.connectionsMaximum == 9 && limits.idleConnectionsMaximum == 10 && limits.idleSecondsMaximum == 11)
    #expect(limits.connectSecondsMaximum == 12 && limits.queueMaximum == 13 && limits.queueMilliseconds == 14)
    #expect(limits.answerBytesMaximum == 15000 && settings.slowStartSeconds == 16 && settings.resolveSeconds == 17)
    #expect(settings.health.connectFaultsMaximum == 18 && settings.health.answerFaultsMaximum == 19)
    #expect(settings.health.ejectedMilliseconds == 20 && settings.health.ejectedMillisecondsMaximum == 21)
    #expect(settings.check?.path == "/h?x=1" && settings.check?.intervalMilliseconds == 220)
    #expect(settings.check?.timeoutMilliseconds == 23 && settings.check?.badMaximum == 24 && settings.check?.goodMinimum == 25)
    #expect(settings.retries.percent == 26 && settings.retries.burst == 27 && settings.retries.perCallMaximum == 8)
  }

  private static let url = #""url": "http://127.0.0.1:1""#

  @Test(arguments: [
    ("{}", "url"), (#"{ "targets": [] }"#, "targets"), (#"{ "targets": [{}] }"#, "url"),
    (#"{ \#(url), "targets": [{ \#(url) }] }"#, "exclude"), (#"{ "targets": [{ \#(url), "weight": 0 }] }"#, "weight"),
    (#"{ "targets": [{ \#(url), "wieght": 1 }] }"#, "weight"), (#"{ "targets": [{ \#(url) }], "tls": {} }"#, "https"),
    (#"{ \#(url), "tls": {} }"#, "https"), (#"{ \#(url), "conectionsMaximum": 1 }"#, "connectionsMaximum"),
    (#"{ \#(url), "queueMilliseconds": 0 }"#, "queueMilliseconds"), (#"{ \#(url), "resolveSeconds": 0 }"#, "resolveSeconds"),
    (#"{ \#(url), "slowStartSeconds": 3601 }"#, "slowStartSeconds"), (#"{ \#(url), "check": { "path": "health" } }"#, "path"),
    (#"{ \#(url), "check": { "path": "/a b" } }"#, "path"),
    (#"{ \#(url), "check": { "intervalMilliseconds": 99 } }"#, "interval"),
    (#"{ \#(url), "check": { "badMaximun": 2 } }"#, "badMaximum"), (#"{ \#(url), "retries": { "percent": 101 } }"#, "percent"),
    (#"{ \#(url), "retries": { "persent": 1 } }"#, "percent"),
    (#"{ \#(url), "health": { "answerFaultsMaximum": 0 } }"#, "answer"),
    (#"{ \#(url), "health": { "ejectedMilliseconds": 50, "ejectedMillisecondsMaximum": 20 } }"#, "less than"),
    (#"{ \#(url), "operations": { "x": {} } }"#, "timeoutMilliseconds"), (#"{ \#(url), "operations": [] }"#, "operations"),
    (#"{ \#(url), "validateAnswers": "warn" }"#, "refuse"),
  ])
  func whatIsWrongIsRefusedByName(_ text: String, _ word: String) {
    let error = #expect(throws: DocumentError.self) { try Self.load(text) }
    #expect(error?.reason.contains(word) == true, "\(error?.reason ?? "")")
  }
}

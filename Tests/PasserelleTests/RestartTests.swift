import Bytes
import Foundation
import Testing

@testable import passerelle

@Suite struct RestartTests {
  private static func load(_ more: String = "") throws -> Configuration {
    let file = NSTemporaryDirectory() + "passerelle-restart-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: file) }
    let text = """
      { "issuer": "https://api.example", "data": "/d", "keys": "/k", "policies": "/p", "upstreams": {}, \(more) }
      """
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    return try Configuration.load(file: file)
  }

  private static let pair = #"{ "certificateFile": "/c", "keyFile": "/k" }"#
  private static let mutual = #""url": "https://m.example""#
  private static let clients = #""tls": { "certificates": [\#(pair)], "clientCertificates": { "caFile": "/ca" } }"#

  @Test(arguments: [
    (#""listen": { "host": "127.0.0.2" }"#, ["listen.host"]),
    (#""listen": { "port": 1 }, "loops": 3"#, ["listen.port", "loops"]),
    (#""listen": { "tls": { "certificates": [\#(pair)] } }"#, ["listen.tls, on or off"]),
    (#""mutualTLS": { \#(mutual), "listen": { "port": 8082, \#(clients) } }"#, ["mutualTLS, there or not"]),
    (#""admin": { "port": 1, "host": "127.0.0.2", "tokenFile": "/t" }"#, ["admin.host", "admin.port", "admin.tokenFile"]),
    (#""dpop": { "proofsRemembered": 2000 }"#, ["dpop.proofsRemembered"]),
    (#""consent": { "master": { "url": "https://m.example" } }"#, ["consent.master"]),
    (#""ledger": { "segmentSecondsMaximum": 5 }"#, ["ledger"]),
    (#""ledger": { "streams": [{ "name": "a", "syslog": { "host": "h" } }] }"#, ["ledger"]),
  ])
  func whatCannotBeFollowedIsNamed(_ text: String, _ names: [String]) throws {
    let (plain, changed) = (try Self.load(), try Self.load(text))
    #expect(changed.needsRestart(from: plain) == names)
    #expect(plain.needsRestart(from: changed) == names, "taking it away is a change too")
    #expect(changed.needsRestart(from: changed).isEmpty)
  }

  @Test func authoritiesNeedARestartOnlyWhereTheyWereReadOnce() throws {
    func load(_ master: String, _ authorities: String) throws -> Configuration {
      try Self.load(#""consent": { \#(master) }, "outbound": { "caFile": "\#(authorities)" }"#)
    }
    let (named, own) = (
      #""master": { "url": "https://m.example" }"#, #""master": { "url": "https://m.example", "caFile": "/m" }"#
    )
    let name = "outbound.caFile, with which consent.master began"
    #expect(try load(named, "/b").needsRestart(from: load(named, "/a")) == [name])
    #expect(try load(own, "/b").needsRestart(from: load(own, "/a")).isEmpty)
    #expect(try load("", "/b").needsRestart(from: load("", "/a")).isEmpty)
  }

  @Test(arguments: [
    #""audience": "a""#, #""listen": { "idleSecondsMaximum": 5, "connectionsMaximum": 7 }"#, #""signingKeyDays": 1"#,
    #""recognition": {}"#, #""ciba": { "intervalSeconds": 9 }"#,
    #""outbound": { "allowedRanges": ["10.0.0.0/8"] }"#, #""consent": { "lifetimeDays": 5 }"#, #""logos": "/l""#,
    #""dpop": { "mode": "required" }"#, #""limits": { "unauthenticatedPerMinute": 5 }"#, #""drainSeconds": 5"#,
  ])
  func theRestIsFollowedAndSaid(_ text: String) throws {
    let plain = try Self.load()
    let changed = try Self.load(text)
    #expect(changed.needsRestart(from: plain).isEmpty)
    let name = String(text.dropFirst().prefix { $0 != "\"" })
    #expect(changed.changedMembers(from: plain) == [name])
    #expect(try Self.load("// a remark\n").changedMembers(from: plain).isEmpty)
  }

  @Test func theTimeToEndHasADefaultAndBounds() throws {
    #expect(try Self.load().drainSeconds == 10)
    #expect(try Self.load(#""drainSeconds": 0"#).drainSeconds == 0)
    #expect(throws: DocumentError.self) { try Self.load(#""drainSeconds": 3601"#) }
    #expect(throws: DocumentError.self) { try Self.load(#""drainSeconds": -1"#) }
  }
}

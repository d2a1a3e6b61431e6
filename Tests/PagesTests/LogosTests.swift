import Bytes
import Identifiers
import Testing
import Wire

@testable import Pages

private let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3]
private let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3]
private let webp: [UInt8] = Array("RIFF".utf8) + [1, 0, 0, 0] + Array("WEBPVP8 ".utf8)

@Suite("Logos")
struct LogosTests {
  private let loop: EventLoop
  init() throws { loop = try EventLoop(index: 0, time: SystemTime()) }

  private func answer(_ logos: Logos, _ path: String, method: String = "GET") -> HTTPResponse {
    logos.respond(to: HTTPRequest(method: method, target: path, fields: [], body: [], loop: loop))
  }

  @Test(
    "are served as what their first bytes say, and as nothing else",
    arguments: [
      ("a.png", png, "image/png"), ("a.jpg", jpeg, "image/jpeg"), ("a.JPEG", jpeg, "image/jpeg"), ("a.webp", webp, "image/webp"),
    ])
  func served(_ name: String, _ bytes: [UInt8], _ type: String) throws {
    let logos = try Logos([(name: name, bytes: bytes)])
    let path = try #require(logos.path(of: ClientID(rawValue: "a")!))
    #expect(logos.has(path) && path.hasPrefix("/logo/") && !path.contains("a.png"))
    let answer = answer(logos, path)
    #expect(answer.status == 200 && answer.field("content-type") == type && answer.body == bytes)
    #expect(answer.field("x-content-type-options") == "nosniff")
    #expect(answer.field("content-security-policy") == "default-src 'none'; sandbox")
    #expect(self.answer(logos, path, method: "POST").status == 405)
    #expect(self.answer(logos, "/logo/other").status == 404 && !logos.has("/logo/other") && !logos.has("/logo/../logo"))
    #expect(logos.path(of: ClientID(rawValue: "b")!) == nil)
  }

  @Test(
    "that are something else are refused, and named",
    arguments: [
      ("a.png", jpeg), ("a.svg", Array("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>".utf8)),
      ("a.gif", Array("GIF89a".utf8)),
      ("a.png", Array("<html>".utf8)), ("a.png", []), ("a", png), (".png", png), ("a b.png", png),
      ("a.webp", Array("RIFF0000WAVE0000".utf8)), ("a.png", png + [UInt8](repeating: 0, count: 128 << 10)),
    ] as [(String, [UInt8])])
  func refused(_ name: String, _ bytes: [UInt8]) {
    let fault = #expect(throws: LogoFault.self) { try Logos([(name: name, bytes: bytes)]) }
    #expect(fault?.description.hasPrefix(name) == true)
  }

  @Test("have limits: their bytes, their number, one for each client")
  func limits() throws {
    #expect(throws: Never.self) {
      try Logos([(name: "a.png", bytes: png + [UInt8](repeating: 0, count: (128 << 10) - png.count))])
    }
    #expect(throws: LogoFault.self) { try Logos([(name: "a.png", bytes: png), (name: "a.jpg", bytes: jpeg)]) }
    let many = (0...Logos.countMaximum).map { (name: "\($0).png", bytes: png) }
    #expect(throws: LogoFault.self) { try Logos(many) }
    #expect(throws: Never.self) { try Logos(Array(many.dropLast())) }
  }
}

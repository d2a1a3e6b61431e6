import Bytes
import Testing

@testable import Ledger

@Suite struct UsageScanTests {
  private static func scan(_ members: String) -> (scan: UsageScan, line: [UInt8])? {
    let line = Array("{\"seq\":1,\(members)}".utf8)
    guard let scan = UsageScan(line.span, ByteRange(start: 9, count: line.count - 10)) else { return nil }
    return (scan, line)
  }

  private static func text(_ place: ByteRange, _ line: [UInt8]) -> String { line.span.slice(place).string() }

  @Test func aCallIsFoundByItsMembers() throws {
    let (scan, line) = try #require(
      Self.scan(
        #""event":"api.call","client_id":"c1","scopes":["a","b:c"],"none":[],"api":"x","operation":"y","ok":true,"decision":"refused","status":403,"duration_us":-1"#
      ))
    #expect(scan.isCall && scan.isRefused && scan.status == 403)
    #expect([scan.client, scan.api, scan.operation].map { Self.text($0, line) } == ["c1", "x", "y"])
  }

  @Test func anotherEventIsNoCallWhateverFollows() throws {
    #expect(try #require(Self.scan(#""event":"token.issued","detail":{"a":"b\"c"}"#)).scan.isCall == false)
  }

  @Test(
    "what the scan does not take is parsed",
    arguments: [
      #""event":"api.call","client_id":"c\"1","status":200"#, #""event":"api.call","status":200"#,
      #""event":"api.call","client_id":7"#, #""event":"api.call","client_id":"c","detail":{"status":200}"#,
      #""event":"api.call","client_id":"c","status":2000"#, #""event":"api.call","client_id":"c","status":"200""#,
      #""event": "api.call","client_id":"c""#, #""event":"api.call","client_id":"c","client_id":"d""#,
      #""event":"api.call","client_id":"c","scopes":["a""#, #""event":"api.call","client_id":"c","scopes":["a" ,"b"]"#,
      #""event":"api.call","client_id":"c"#, #""client_id":"c","status":200"#, #"event"#, "",
    ])
  func fallsBack(_ members: String) { #expect(Self.scan(members) == nil) }

  /// Bytes are cut, doubled and changed everywhere: the scan may give up, and may not read past the members nor see another
  /// call than the parser does.
  @Test func whatIsTakenIsWhatTheParserSees() {
    let good = Array(
      #"{"seq":1,"event":"api.call","client_id":"c1","scopes":["a"],"api":"x","operation":"y","decision":"allowed","status":200}"#
        .utf8)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var line = good
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 9..<line.count - 1, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: line.remove(at: place)
        case 1: line.insert(line[place], at: place)
        default: line[place] = Array(#"",:[]{}\a0"#.utf8).randomElement(using: &generator)!
        }
      }
      guard let scan = UsageScan(line.span, ByteRange(start: 9, count: line.count - 10)), scan.isCall,
        let root = try? JSONDocument(line).root
      else { continue }
      #expect(root["client_id"]?.string == Self.text(scan.client, line), "\(String(decoding: line, as: UTF8.self))")
      #expect((root["status"]?.integer ?? 0) == scan.status)
      #expect((root["decision"]?.string == "refused") == scan.isRefused)
    }
  }
}

import Bytes
import Identifiers
import Testing

@testable import Gateway

@Suite struct HeadersTests {
  @Test(arguments: [
    ("application/json", true), ("*/*", true), ("", true), ("text/html, application/*;q=0.1", true), ("APPLICATION/JSON", true),
    ("text/html", false), ("application/json;q=0", false), ("application/json;q=0, */*", false), ("*/*;q=0.000", false),
    ("application/problem+json", false), ("text/html , application/json ; q=0.5", true), ("a pplication/json", false),
    ("a pplication/*", false),
  ]) func acceptAdmitsJSONOrNot(_ accept: String, _ expected: Bool) {
    let bytes = Array(accept.utf8)
    #expect(Route.admitsJSON(bytes.span) == expected)
  }

  @Test(arguments: [
    ("application/json", true), ("application/json; charset=utf-8", true), ("Application/JSON;charset=\"UTF-8\"", true),
    ("application/json; charset=latin1", false), ("text/json", false), ("application/json,", false), ("application/jsonx", false),
    ("application/json ; charset=utf-8", true), ("applica tion/json", false), ("application/json; charset = utf-8", false),
  ]) func aBodySaysThatItIsJSONOrNot(_ type: String, _ expected: Bool) {
    let bytes = Array(type.utf8)
    #expect(Route.isJSON(bytes.span) == expected)
  }

  @Test(arguments: [
    ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
    ("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
    ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false), ("x", false),
  ]) func onlyARealTraceParentIsHandedOn(_ value: String, _ expected: Bool) {
    let bytes = Array(value.utf8)
    #expect(ForwardRequest.isTraceparent(bytes.span) == expected)
  }

  @Test func aCorrelatorInTheLedgerCannotBecomeMarkup() {
    var members = LedgerMembers()
    members.correlator(Array("a<script>{}".utf8))
    #expect(String(decoding: members.bytes, as: UTF8.self) == #""correlator":"a\u003cscript\u003e{}""#)
  }

  @Test func membersAreJSON() throws {
    var members = LedgerMembers()
    members.plain("event", "api.call")
    members.client(ClientID(rawValue: #"a"b\c"#)!)
    members.integer("status", -7)
    members.scopes([Scope(rawValue: "x:y")!])
    members.names("categories", [Array(#""a""#.utf8), Array(#""b""#.utf8)], 2)
    let root = try JSONDocument([0x7B] + members.bytes + [0x7D]).root
    #expect(root["client_id"]?.string == #"a"b\c"#)
    #expect(root["status"]?.integer == -7)
    #expect(root["categories"]?.array?.compactMap(\.string) == ["b"])
  }
}

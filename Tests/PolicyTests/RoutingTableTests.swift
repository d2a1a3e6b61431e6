import Bytes
import Testing

@testable import Policy

@Suite struct RoutingTableTests {
  private static let catalogue = try! TestCatalogue.load()

  private static func match(_ method: String, _ path: String) -> String {
    let (path, method) = (Array(path.utf8), Array(method.utf8))
    switch catalogue.routes.match(path: path.span, method: method.span) {
    case .operation(let operation): return operation.id.rawValue
    case .methodNotAllowed(let allow, _): return "405 " + allow
    case .unknown: return "unknown"
    case .notOurs: return "not ours"
    }
  }

  @Test(arguments: [
    ("POST", "/test-api/v1/things", "makeThing"), ("GET", "/test-api/v1/things", "listThings"),
    ("GET", "/test-api/v1/things/4711", "readThing"), ("GET", "/test-api/v1/things/remaining", "readRemaining"),
    ("DELETE", "/test-api/v1/things", "405 GET, POST"), ("GET", "/test-api/v1/things/", "unknown"),
    ("GET", "/test-api/v1/nothing", "unknown"), ("GET", "/test-api/v1", "unknown"), ("GET", "/test-api/v2/things", "not ours"),
    ("GET", "/test-api/v10/things", "not ours"), ("GET", "/", "not ours"), ("GET", "", "not ours"),
  ]) func pathsLeadToOperations(_ method: String, _ path: String, _ expected: String) {
    #expect(Self.match(method, path) == expected)
  }

  /// A25: no second spelling of a path leads anywhere.
  @Test(arguments: [
    "/test-api/v1/things/../things", "/test-api/v1//things", "/test-api/v1/./things", "/test-api/v1/things;x=1",
    "/TEST-API/v1/things",
    "/test-api/v1/things%2f4711", "/test-api/v1/%74hings", "/test-api/v1/things/a%2Fb", "/test-api/v1/things/%2e%2e",
    "/test-api/v1/things/a%5cb", "/test-api/v1/things/a%00", "/test-api/v1/things/..", "/test-api/v1/things/a;b",
    "/test-api/v1/things/%2", "/test-api/v1/things/a/b",
  ]) func noOtherSpellingDoes(_ path: String) {
    #expect(["unknown", "not ours"].contains(Self.match("GET", path)))
  }

  @Test func ownershipIsByWholeSegments() {
    for (path, owns) in [("/test-api/v1/x", true), ("/test-api/v1", true), ("/test-api/v1x/y", false), ("/test-api", false)] {
      let bytes = Array(path.utf8)
      #expect(Self.catalogue.routes.owns(bytes.span) == owns, "\(path)")
    }
  }
}

import Bytes
import Glibc
import Policy
import Wire

/// Bodies of requests against the schemas of a shipped policy, to be read beside the rate of the filter.
enum SchemaRate {
  private static let bodies = [
    (
      operation: "retrieveIdentifier",
      text: #"{"device":{"phoneNumber":"+33639980001","ipv4Address":{"publicAddress":"192.0.2.1","publicPort":59765},"#
        + #""ipv6Address":"2001:db8:85a3:8d3:1319:8a2e:370:7344"}}"#
    ),
    (
      operation: "matchIdentifier",
      text: #"{"device":{"phoneNumber":"+33639980001"},"providedIdentifierType":"IMEI","providedIdentifier":"490154203237518"}"#
    ),
  ]

  /// - Parameter policies: the folder.
  static func measure(policies: String) {
    guard let catalogue = try? Catalogue.load(directory: policies) else {
      print("no policies in \(policies)")
      exit(1)
    }
    for (operation, text) in bodies {
      let found = catalogue.operationsByIndex.last { $0.id.rawValue == operation && $0.requestSchema != nil }
      guard let schema = found?.requestSchema else { continue }
      measure(operation, schema, Array(text.utf8))
    }
  }

  private static func measure(_ name: String, _ schema: BodySchema, _ body: [UInt8]) {
    var tape = JSONTape()
    let rounds = 400_000
    let begun = SystemTime().monotonicNanoseconds()
    for _ in 0..<rounds {
      try? tape.parse(body.span)
      guard schema.check(body.span, tape: tape) == nil else {
        print("the schema of \(name) refused the body")
        exit(1)
      }
    }
    let seconds = Double(SystemTime().monotonicNanoseconds() - begun) / 1e9
    let rate = Double(rounds * body.count) / seconds / 1e6
    print("schema of \(name): \(Int(rate)) MB/s (parse and check, \(body.count) bytes a body, one processor)")
  }
}

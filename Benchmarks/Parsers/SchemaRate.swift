import Bytes
import Glibc
import Policy
import Wire

/// Bodies of requests against the schemas of a shipped policy, and the same bodies through a filter that lets all of them leave: what
/// both cost depends on how much of a text is names, and how deep they stand.
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
      measureFilter(operation, Array(text.utf8))
    }
  }

  private static func measureFilter(_ name: String, _ body: [UInt8]) {
    guard let document = try? JSONDocument(body) else { return }
    let projection = Projection(releasing(document.root))
    var tape = JSONTape()
    var output: [UInt8] = []
    let rounds = 400_000
    let begun = SystemTime().monotonicNanoseconds()
    for _ in 0..<rounds {
      output.removeAll(keepingCapacity: true)
      try? tape.parse(body.span)
      guard case .complete = projection.project(body.span, tape: tape, allowed: 1, into: &output) else {
        print("the filter refused the body of \(name)")
        exit(1)
      }
    }
    let seconds = Double(SystemTime().monotonicNanoseconds() - begun) / 1e9
    print("filter of the same body: \(Int(Double(rounds * body.count) / seconds / 1e6)) MB/s (parse and project)")
  }

  private static func releasing(_ value: JSONValue) -> Projection.Rule {
    guard value.kind == .object else { return .release(whenAny: 1) }
    return .object(value.keys.map { Projection.Field(name: $0.name, rule: releasing($0.value)) })
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

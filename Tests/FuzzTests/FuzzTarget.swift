/// A parser that strangers reach, with what must hold of it whatever bytes they send.
///
/// The same checks run in two ways: `swift test` puts the files of `Tests/Fuzz/<name>` to them, and `make fuzz` lets libFuzzer look
/// for bytes that lead somewhere new.
struct FuzzTarget: Sendable {
  /// Of the folder in `Tests/Fuzz` that holds what was found worth keeping.
  let name: String
  /// Longer inputs are not made; what comes over the network is limited below this or soon above.
  let bytesMaximum: Int
  /// - Throws: `Broken` when something does not hold.
  let check: @Sendable (_ bytes: [UInt8]) throws -> Void

  static let all: [FuzzTarget] = [
    .init(name: "http", bytesMaximum: 20_000, check: HTTPChecks.check),
    .init(name: "json", bytesMaximum: 4096, check: JSONChecks.check),
    .init(name: "commented", bytesMaximum: 4096, check: JSONChecks.checkCommented),
    .init(name: "projection", bytesMaximum: 4096, check: ProjectionChecks.check),
    .init(name: "jwt", bytesMaximum: 10_000, check: TokenChecks.check),
    .init(name: "claims", bytesMaximum: 4096, check: TokenChecks.checkSigned),
    .init(name: "form", bytesMaximum: 4096, check: FormChecks.check),
    .init(name: "query", bytesMaximum: 4096, check: QueryChecks.check),
    .init(name: "address", bytesMaximum: 2500, check: AddressChecks.check),
    .init(name: "text", bytesMaximum: 1000, check: TextChecks.check),
    .init(name: "body", bytesMaximum: 4096, check: BodyChecks.check),
    .init(name: "event", bytesMaximum: 4096, check: EventChecks.check),
    .init(name: "policy", bytesMaximum: 30_000, check: PolicyChecks.check),
    .init(name: "configuration", bytesMaximum: 30_000, check: ConfigurationChecks.check),
  ]
}

/// Something that must hold of a parser does not.
struct Broken: Error, CustomStringConvertible {
  let description: String
}

/// - Throws: `Broken` when the condition is false.
func hold(_ condition: Bool, _ what: @autoclosure () -> String) throws(Broken) {
  if !condition { throw Broken(description: what()) }
}

/// Small decisions that are taken from the first bytes of an input, so that the fuzzer can steer them.
struct Choices {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  /// 0 when nothing is left.
  mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[Int(byte()) % elements.count] }
}

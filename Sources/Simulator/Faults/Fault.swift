import Bytes

/// Something that goes wrong on purpose: which calls, what, and how many of them. Written
/// `API[/OPERATION]:FAULT[=VALUE][@SHARE%]`, as `sim-swap/checkSimSwap:error=503@25%`.
public struct Fault: Sendable, Equatable {
  /// Why a text is no fault.
  public struct SyntaxError: Error, Equatable {
    public let message: String
  }

  enum Kind: Sendable, Equatable {
    /// The right answer comes so much later.
    case delay(milliseconds: Int)
    /// An error with CAMARA's body.
    case error(status: Int)
    /// The right answer, spoilt so that it is no JSON.
    case brokenJSON
    /// No answer at all, on a connection that stays.
    case hang
    /// The connection is reset without an answer.
    case reset
    /// Half of the right answer, then the connection closes.
    case truncate
  }

  /// In force at once.
  static let faultsMaximum = 100
  static let kinds = ["delay", "error", "broken-json", "hang", "reset", "truncate"]

  /// Nil for every API.
  let api: String?
  /// Nil for every operation.
  let operation: String?
  let kind: Kind
  /// Of 100 calls.
  let sharePercent: Int
  /// As it was written.
  let text: String

  /// Reads one.
  public init(_ text: String) throws(SyntaxError) {
    self.text = text
    guard let colon = text.firstIndex(of: ":") else {
      throw SyntaxError(message: "\"\(text)\" wants the form API[/OPERATION]:FAULT[=VALUE][@SHARE%]")
    }
    (api, operation) = try Self.target(text[..<colon])
    var rest = text[text.index(after: colon)...]
    if let at = rest.lastIndex(of: "@") {
      sharePercent = try Self.share(rest[rest.index(after: at)...])
      rest = rest[..<at]
    } else {
      sharePercent = 100
    }
    let parts = rest.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    kind = try Self.kind(parts[0], parts.count == 2 ? parts[1] : nil)
  }

  /// Reads several, separated by commas; none of an empty text.
  public static func list(_ text: String) throws(SyntaxError) -> [Fault] {
    try list(text.split(separator: ",").map { String($0.drop { $0 == " " }) })
  }

  static func list(_ texts: [String]) throws(SyntaxError) -> [Fault] {
    guard texts.count <= faultsMaximum else { throw SyntaxError(message: "there can be \(faultsMaximum) faults at most") }
    var faults: [Fault] = []
    for text in texts { faults.append(try Fault(text)) }
    return faults
  }

  func concerns(_ api: SimulatedAPI, _ route: Route) -> Bool {
    (self.api ?? api.name) == api.name && (operation ?? route.operation) == route.operation
  }

  private static func target(_ text: Substring) throws(SyntaxError) -> (String?, String?) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let operation = parts.count == 2 ? parts[1] : nil
    let apis = Routes.all.filter { parts[0] == "*" || $0.name == parts[0] }
    guard !apis.isEmpty else { throw unknown("API", parts[0], Routes.all.map(\.name)) }
    let operations = apis.flatMap(\.routes).map(\.operation)
    if let operation, !operations.contains(operation) { throw unknown("operation", operation, operations) }
    return (parts[0] == "*" ? nil : parts[0], operation)
  }

  private static func unknown(_ what: String, _ name: String, _ known: [String]) -> SyntaxError {
    let nearest = NearestName.to(name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
    return SyntaxError(message: "there is no \(what) \"\(name)\"" + nearest)
  }

  private static func share(_ text: Substring) throws(SyntaxError) -> Int {
    guard text.hasSuffix("%"), let percent = Int(text.dropLast()), (1...100).contains(percent) else {
      throw SyntaxError(message: "a share wants the form @25%, from 1 to 100")
    }
    return percent
  }

  private static func kind(_ name: String, _ value: String?) throws(SyntaxError) -> Kind {
    switch (name, value) {
    case ("delay", let value?):
      let (digits, factor) = value.hasSuffix("ms") ? (value.dropLast(2), 1) : (value.hasSuffix("s") ? value.dropLast() : "", 1000)
      guard let count = Int(digits), (1...600_000).contains(count), count * factor <= 600_000 else {
        throw SyntaxError(message: "a delay wants a time up to ten minutes, such as delay=300ms or delay=2s")
      }
      return .delay(milliseconds: count * factor)
    case ("error", let value?):
      guard let status = Int(value), (400...599).contains(status) else {
        throw SyntaxError(message: "an error wants a status from 400 to 599, such as error=503")
      }
      return .error(status: status)
    case ("broken-json", nil): return .brokenJSON
    case ("hang", nil): return .hang
    case ("reset", nil): return .reset
    case ("truncate", nil): return .truncate
    case ("delay", nil), ("error", nil): throw SyntaxError(message: "\(name) wants a value: delay=300ms, error=503")
    default:
      guard kinds.contains(name) else { throw unknown("fault", name, kinds) }
      throw SyntaxError(message: "\(name) takes no value")
    }
  }
}

import Bytes
import Synchronization
import Wire

/// One of the operator's own servers, asked over HTTP: who has this address, bring this message to that number.
///
/// Its address was configured, so it may be anywhere (`AddressRule.any`). Requests are bounded in time and in number: a server that
/// hangs costs those who need it, and nobody else. Safe from any thread.
public final class OperatorService: Sendable {
  public struct Settings: Sendable {
    public var address: WebAddress
    /// Shown in the Authorization field; nil shows none.
    public var bearerToken: String?
    public var timeoutMilliseconds = 2000
    /// Under way at a time; one more is refused at once.
    public var requestsMaximum = 64

    public init(address: WebAddress) { self.address = address }
  }

  /// Of an answer's body: a number in JSON, or an error that nobody reads.
  static let answerBytesMaximum = 16_384

  /// What it is for, as sentences about it begin: `the address look-up`.
  public let title: String
  private let settings: Settings
  private let client: WebClient
  private let underWay = Atomic<Int>(0)

  public init(title: String, settings: Settings, client: WebClient) {
    self.title = title
    self.settings = settings
    self.client = client
  }

  /// Posts a JSON object.
  ///
  /// - Parameter timeoutMilliseconds: waits no longer than this, whatever the configuration allows.
  func post(_ body: [UInt8], timeoutMilliseconds: Int = .max) async throws(OperatorServiceFailure) -> HTTPResponse {
    try await send("POST", [("content-type", "application/json")], body, timeoutMilliseconds)
  }

  /// Hands a message over; any status that says success is success (RFC 9110 §15.3).
  func deliver(_ message: [UInt8]) async throws(OperatorServiceFailure) {
    let status = try await post(message).status
    guard (200..<300).contains(status) else { throw OperatorServiceFailure(title, unexpected: status) }
  }

  /// Asks what the server can do, which changes nothing there (RFC 9110 §9.3.7).
  func options(timeoutMilliseconds: Int) async throws(OperatorServiceFailure) -> HTTPResponse {
    try await send("OPTIONS", [], [], timeoutMilliseconds)
  }

  private func send(
    _ method: String, _ fields: [(name: String, value: String)], _ body: [UInt8], _ timeoutMilliseconds: Int
  ) async throws(OperatorServiceFailure) -> HTTPResponse {
    let count = underWay.add(1, ordering: .relaxed).newValue
    defer { underWay.subtract(1, ordering: .relaxed) }
    guard count <= settings.requestsMaximum else { throw OperatorServiceFailure(title, "has too many requests under way") }
    var fields = fields + [("accept", "application/json")]
    if let token = settings.bearerToken { fields.append(("authorization", "Bearer \(token)")) }
    do {
      return try await client.send(
        method, to: settings.address, fields: fields, body: body,
        timeoutMilliseconds: min(timeoutMilliseconds, settings.timeoutMilliseconds), answerBytesMaximum: Self.answerBytesMaximum,
        rule: .any)
    } catch {
      throw OperatorServiceFailure(title, error)
    }
  }
}

/// Why one of the operator's servers was of no help. The sentence holds neither its address nor anything that was sent, so that it may
/// be told to clients (A32).
public struct OperatorServiceFailure: Error, Sendable, Equatable {
  /// `the address look-up does not answer in time`.
  public let sentence: String
  /// What exactly went wrong, for the operator alone; nil when the sentence says it all.
  public let cause: String?

  init(_ title: String, _ predicate: String, cause: String? = nil) {
    sentence = "\(title) \(predicate)"
    self.cause = cause
  }

  init(_ title: String, _ failure: WebFailure) {
    let predicate =
      switch failure {
      case .timedOut: "does not answer in time"
      case .untrusted: "cannot be trusted"
      case .tooLarge, .broken: "answers what cannot be read"
      case .unresolvable, .forbiddenAddress, .unreachable, .unwanted: "cannot be reached"
      }
    self.init(title, predicate, cause: failure.description)
  }

  /// The sentence and the cause, for the ledger.
  var reason: String { cause.map { "\(sentence): \($0)" } ?? sentence }

  /// - Parameter status: one that the server should not answer with.
  init(_ title: String, unexpected status: Int) { self.init(title, "answers with status \(status)") }
}

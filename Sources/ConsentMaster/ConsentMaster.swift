/// A consent master that the operator has already: decisions follow its records, looked up over HTTP and remembered for a while
/// (`MasterRecords`); what is decided here is told to it, in order, until it has taken it (`MasterOutbox`); what changes there is told
/// to us (`MasterChanges`). `docs/consent-master.md` has the messages, `MasterFormat` reads and writes them.
///
/// Begin with `ConsentMaster.make`, then read `MasterRecords.row`: how an answer and what is still on its way there make one record.
import Bytes
import Consent
import Identifiers
import JOSE
import Ledger
import Store
import Wire

/// What a master is told of us and what it may cost.
public struct ConsentMasterSettings: Sendable {
  /// Its messages go to addresses under this one; https, or loopback.
  public var address: WebAddress
  /// Shown in the Authorization field; nil shows none.
  public var bearerToken: String?
  public var timeoutMilliseconds = 1000
  /// Look-ups under way at a time.
  public var requestsMaximum = 64
  /// Look-ups that wait for one of those to end, each within its own time; one more fails at once.
  public var waitingMaximum: Int { requestsMaximum * 16 }
  public var rememberedSeconds = 10
  public var overdueSeconds = 0

  public init(address: WebAddress) { self.address = address }
}

/// The parts of a master's side here.
public struct ConsentMaster: Sendable {
  public let records: MasterRecords
  public let outbox: MasterOutbox
  public let connection: MasterConnection

  /// - Parameters:
  ///   - loop: does the work; best one of its own. Running by the time of the first question.
  ///   - changes: the board that the memories of consents compare with.
  ///   - complain: told, once for each new thing, what an operator has to look at; it holds nobody's data.
  public static func make(
    _ settings: ConsentMasterSettings, tls: TLSClientContext, loop: EventLoop, stores: Stores, changes: ChangeBoard,
    time: any TimeSource, complain: @escaping @Sendable (String) -> Void
  ) -> ConsentMaster {
    let connection = MasterConnection(settings, tls: tls, loop: loop)
    let outbox = MasterOutbox(
      connection: connection, store: stores.consentOutbox, subjects: stores.subjects, changes: changes, time: time, loop: loop,
      timeoutMilliseconds: settings.timeoutMilliseconds, complain: complain)
    let records = MasterRecords(
      connection: connection, outbox: outbox, store: stores.consentOutbox, subjects: stores.subjects, settings: settings)
    return ConsentMaster(records: records, outbox: outbox, connection: connection)
  }
}

/// Why the master was of no help. Its sentence holds neither an address nor anything that was sent.
public enum MasterFailure: Error, Sendable, Equatable, CustomStringConvertible {
  /// No answer, or one with a status that says to come again.
  case unavailable(String)
  /// An answer that is not what the protocol says, or is about somebody else.
  case malformed(String)
  /// It does not want what it was told, now or ever.
  case refused(status: Int)
  case tooManyQuestions

  public var description: String {
    switch self {
    case .unavailable(let reason): "the consent master cannot be asked: \(reason)"
    case .malformed(let reason): "the consent master answers what cannot be used: \(reason)"
    case .refused(let status): "the consent master refuses a change with status \(status)"
    case .tooManyQuestions: "too many questions to the consent master are under way"
    }
  }
}

/// The way to the master. Safe from any thread.
public struct MasterConnection: Sendable {
  /// Of an answer: some thousand records.
  static let answerBytesMaximum = 4 << 20

  private let questions: KeptWebClient
  /// Of its own: many questions do not keep the master from learning of a withdrawal.
  private let news: KeptWebClient
  private let path: String
  private let fields: [(name: String, value: String)]
  private let timeoutMilliseconds: Int

  public init(_ settings: ConsentMasterSettings, tls: TLSClientContext, loop: EventLoop) {
    questions = KeptWebClient(
      loop: loop, address: settings.address, tls: tls, connectionsMaximum: settings.requestsMaximum,
      waitingMaximum: settings.waitingMaximum, answerBytesMaximum: Self.answerBytesMaximum)
    news = KeptWebClient(
      loop: loop, address: settings.address, tls: tls, connectionsMaximum: 1, waitingMaximum: 1,
      answerBytesMaximum: Self.answerBytesMaximum)
    var target = settings.address.target[...]
    while target.hasSuffix("/") { target = target.dropLast() }
    path = String(target)
    timeoutMilliseconds = settings.timeoutMilliseconds
    var fields = [(name: "content-type", value: "application/json"), (name: "accept", value: "application/json")]
    if let token = settings.bearerToken { fields.append((name: "authorization", value: "Bearer \(token)")) }
    self.fields = fields
  }

  /// The records about a subscriber, of one client and purpose or of all.
  public func records(
    _ number: MSISDN, subject: SubjectPseudonym, client: ClientID?, purpose: Purpose?
  ) async throws(MasterFailure) -> [ConsentRow] {
    let answer = try await post(questions, "/v1/records", MasterFormat.question(number, client: client, purpose: purpose))
    guard answer.status == 200 else { throw .unavailable("status \(answer.status)") }
    return try MasterFormat.rows(answer.body, number, subject: subject, client: client, purpose: purpose)
  }

  /// Tells one change.
  func tell(_ item: ConsentOutboxItem, _ number: MSISDN) async throws(MasterFailure) {
    let status = try await post(news, "/v1/events", MasterFormat.event(item, number)).status
    switch status {
    case 200..<300: return
    // What another attempt may mend, or an operator: nothing is wrong with the change itself.
    case 401, 403, 404, 408, 429, 500...: throw .unavailable("status \(status)")
    default: throw .refused(status: status)
    }
  }

  private func post(
    _ client: KeptWebClient, _ path: String, _ body: [UInt8]
  ) async throws(MasterFailure) -> HTTPResponse {
    do {
      return try await client.send(
        "POST", self.path + path, fields: fields, body: body, timeoutMilliseconds: timeoutMilliseconds)
    } catch { throw .unavailable(error.description) }
  }
}

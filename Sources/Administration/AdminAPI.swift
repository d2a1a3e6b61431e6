import Accounting
import Authorization
import Bytes
import Consent
import Identifiers
import JOSE
import Ledger
import Policy
import Store
import Wire

/// What the admin API works with.
public struct AdminDependencies: Sendable {
  public var catalogue: Catalogue
  public var keys: KeyRing
  public var stores: Stores
  public var consents: ConsentRegister
  public var ledger: LedgerWriter
  public var usage: UsageProjection
  public var tokens: TokenIssuer
  public var time: any TimeSource
  /// How long a consent granted on behalf holds, in seconds.
  public var consentLifetimeSeconds: Int64
  /// What calls cost, with the policies' prices.
  public var plans: PlanBook
  /// Nil where the ledger keeps everything.
  public var retention: LedgerRetention?
  /// How it stands with the consent master; nil where there is none.
  public var consentMaster: (@Sendable () throws -> ConsentMasterState)?
  /// Of a running gateway; nil where none runs.
  public var certificates: (any CertificateControl)?
  /// How it stands with the backends of a running gateway; nil where none runs.
  public var upstreams: (@Sendable () -> [UpstreamState])?
  /// Of a running gateway that delivers events; nil where none runs.
  public var subscriptionEnding: (any SubscriptionEnding)?
  /// Told that the queues of events have more than before, so that delivery looks; nil where none runs. Any thread, and it returns at once.
  public var eventsQueued: (@Sendable () -> Void)?
  /// Of a running gateway; nil where none runs.
  public var reload: (any ReloadControl)?

  public init(
    catalogue: Catalogue, keys: KeyRing, stores: Stores, consents: ConsentRegister, ledger: LedgerWriter, usage: UsageProjection,
    tokens: TokenIssuer, time: any TimeSource, consentLifetimeSeconds: Int64, plans: PlanBook = PlanBook(),
    retention: LedgerRetention? = nil
  ) {
    self.catalogue = catalogue
    self.keys = keys
    self.stores = stores
    self.consents = consents
    self.ledger = ledger
    self.usage = usage
    self.tokens = tokens
    self.time = time
    self.consentLifetimeSeconds = consentLifetimeSeconds
    self.plans = plans
    self.retention = retention
  }

  /// For searches of the ledger.
  var index: LedgerIndex { LedgerIndex(directory: ledger.directory, key: keys.lookup) }
  /// What was counted, rated.
  var accounts: AccountBook { AccountBook(usage: stores.usage, clients: stores.clients, plans: plans) }
}

/// The admin API: paths to acts. Stateless; any thread.
public struct AdminAPI: Sendable {
  private let current: @Sendable () -> AdminDependencies
  /// Those of now. An act has the same from its beginning to its end.
  var dependencies: AdminDependencies { current() }

  public init(_ dependencies: AdminDependencies) { self.init(current: { dependencies }) }

  /// - Parameter current: asked at the beginning of each act: a reload may have put others in their place.
  public init(current: @escaping @Sendable () -> AdminDependencies) { self.current = current }

  /// One act on one kind of thing; `id` is the path segment that names it.
  typealias Act = @Sendable (AdminAPI, AdminRequest) async throws -> HTTPResponse

  /// The table: method and path (`*` stands for an identifier) to act.
  private static let acts: [(method: String, path: [String], act: Act)] = [
    ("GET", ["consents"], { try await $0.listConsents($1) }),
    ("POST", ["consents"], { try await $0.grantConsent($1) }),
    ("GET", ["consents", "export"], { try await $0.exportConsents($1) }),
    ("POST", ["consents", "import"], { try await $0.importConsents($1) }),
    ("POST", ["consents", "revoke"], { try await $0.revokeConsents($1) }),
    ("GET", ["consents", "master"], { api, _ in try api.showMaster() }),
    ("GET", ["consents", "*"], { try $0.showConsent($1) }),
    ("POST", ["consents", "object"], { try await $0.objectToProcessing($1) }),
    ("POST", ["consents", "*", "revoke"], { try await $0.revokeConsent($1) }),
    ("GET", ["subjects"], { try await $0.showSubject($1) }),
    ("GET", ["subjects", "report"], { try await $0.reportSubject($1) }),
    ("POST", ["subjects", "erase"], { try await $0.eraseSubject($1) }),
    ("GET", ["subscriptions"], { try await $0.listSubscriptions($1) }),
    ("GET", ["subscriptions", "*"], { try $0.showSubscription($1) }),
    ("POST", ["subscriptions", "*", "end"], { try await $0.endSubscription($1) }),
    ("GET", ["events", "dead"], { try await $0.listDeadLetters($1) }),
    ("POST", ["events", "dead", "replay"], { try await $0.replayDeadLetters($1) }),
    ("POST", ["events", "dead", "discard"], { try await $0.discardDeadLetters($1) }),
    ("GET", ["clients"], { api, _ in try api.listClients() }),
    ("POST", ["clients"], { try await $0.addClient($1) }),
    ("GET", ["clients", "*"], { try $0.showClient($1) }),
    ("POST", ["clients", "*", "enable"], { try await $0.setClient($1, enabled: true) }),
    ("POST", ["clients", "*", "disable"], { try await $0.setClient($1, enabled: false) }),
    ("GET", ["keys"], { api, _ in api.listKeys() }),
    ("POST", ["keys", "rotate"], { api, _ in try await api.rotateKeys() }),
    ("POST", ["ledger", "retain"], { try await $0.retain($1) }),
    ("GET", ["certificates"], { api, _ in try api.listCertificates() }),
    ("POST", ["certificates", "reload"], { api, _ in try await api.reloadCertificates() }),
    ("GET", ["upstreams"], { api, _ in try api.listUpstreams() }),
    ("POST", ["reload"], { api, _ in try await api.reload() }),
    ("GET", ["usage"], { try await $0.reportUsage($1) }),
    ("GET", ["usage", "statement"], { try await $0.usageStatement($1) }),
    ("GET", ["usage", "records"], { try await $0.usageRecords($1) }),
    ("POST", ["usage", "rebuild"], { api, _ in try await api.rebuildUsage() }),
    ("POST", ["tokens"], { try await $0.issueTokens($1) }),
  ]

  /// Answers a request whose sender was found entitled.
  public func respond(to request: HTTPRequest) async -> HTTPResponse {
    let path = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
    guard path.count > 2, path[0] == "admin", path[1] == "v1" else { return AdminError.notFound.response }
    let rest = Array(path[2...])
    let matching = Self.acts.filter { Self.matches($0.path, rest) }
    guard !matching.isEmpty else { return AdminError.notFound.response }
    guard let row = matching.first(where: { $0.method == request.method }) else { return AdminError.methodNotAllowed.response }
    do {
      let wildcard = row.path.firstIndex(of: "*").map { rest[$0] }
      return try await row.act(AdminAPI(dependencies), try AdminRequest(request, id: wildcard))
    } catch let error as AdminError {
      return error.response
    } catch let error as AccountingError {
      return AdminError.conflict("\(error)").response
    } catch let error as DocumentError {
      return AdminError.invalid("line \(error.line): \(error.reason)").response
    } catch {
      return AdminError.failed("\(error)").response
    }
  }

  private static func matches(_ pattern: [String], _ path: [String]) -> Bool {
    pattern.count == path.count && zip(pattern, path).allSatisfy { $0 == "*" ? !$1.isEmpty : $0 == $1 }
  }
}

/// What was asked, read once.
struct AdminRequest: Sendable {
  /// The identifier in the path.
  let id: String
  let query: [String: String]
  let body: [UInt8]

  /// - Throws: `AdminError.invalid` when a query parameter is malformed or given twice.
  init(_ request: HTTPRequest, id: String?) throws {
    self.id = try id.map { try PercentEncoding.decode($0) } ?? ""
    body = request.body
    var query: [String: String] = [:]
    for pair in (request.query ?? "").split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let name = try PercentEncoding.decode(parts[0])
      guard query[name] == nil else { throw AdminError.invalid("\(name) is given twice") }
      query[name] = parts.count > 1 ? try PercentEncoding.decode(parts[1]) : ""
    }
    self.query = query
  }

  /// A request of this process's own, without a body.
  init(query: [String: String]) {
    id = ""
    self.query = query
    body = []
  }

  /// - Throws: `DocumentError` when the body is not a JSON object.
  func object() throws -> ObjectReader { try ObjectReader(JSONDocument(body, file: "request").root) }

  /// A selector that is not known is no selector: an answer about everybody instead would be an error that nobody sees.
  ///
  /// - Throws: `AdminError.invalid` that names the parameter.
  func allow(_ names: String...) throws {
    for name in query.keys.sorted() where !names.contains(name) {
      throw AdminError.invalid("there is no parameter \(name); there is \(names.joined(separator: ", "))")
    }
  }

  func limit(default fallback: Int = 1000) throws -> Int {
    guard let text = query["limit"] else { return fallback }
    guard let number = Int(text), (1...ConsentFilter.limitMaximum).contains(number) else {
      throw AdminError.invalid("limit wants a whole number from 1 to \(ConsentFilter.limitMaximum)")
    }
    return number
  }
}

/// A refusal of the admin API.
enum AdminError: Error {
  /// No such path.
  case notFound
  /// What the path or a selector names is not there; the text says what.
  case missing(String)
  case methodNotAllowed
  case unauthenticated
  case invalid(String)
  case conflict(String)
  case failed(String)

  var response: HTTPResponse {
    switch self {
    case .notFound: Self.answer(404, "NOT_FOUND", "The admin API has no such path.")
    case .missing(let what): Self.answer(404, "NOT_FOUND", what)
    case .methodNotAllowed: Self.answer(405, "METHOD_NOT_ALLOWED", "This path does not take that method.")
    case .unauthenticated: Self.answer(401, "UNAUTHENTICATED", "The admin API wants its bearer token.")
    case .invalid(let reason): Self.answer(400, "INVALID_ARGUMENT", reason)
    case .conflict(let reason): Self.answer(409, "CONFLICT", reason)
    case .failed(let reason): Self.answer(503, "UNAVAILABLE", reason)
    }
  }

  static func noClient(_ id: String) -> AdminError { .missing("There is no client \(id).") }
  static func noConsent(_ id: String) -> AdminError { .missing("There is no consent \(id).") }
  /// A number is told masked, as everywhere.
  static func noSubscriber(_ text: String) -> AdminError {
    .missing("There is no subscriber \((MSISDN(tel: text) ?? MSISDN(e164: text)).map { "\($0)" } ?? text) here.")
  }

  private static func answer(_ status: Int, _ code: String, _ message: String) -> HTTPResponse {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("status", status)
    writer.field("code", code)
    writer.field("message", message)
    writer.endObject()
    return HTTPResponse.json(status, writer.bytes)
  }
}

/// RFC 3986 §2.1, for the few places where operators' tools send it.
enum PercentEncoding {
  static func decode(_ text: String) throws -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == 0x25 else { bytes.append(byte == 0x2B ? 0x20 : byte); continue }
      guard let high = rest.first.flatMap(Hex.value), let low = rest.dropFirst().first.flatMap(Hex.value) else {
        throw AdminError.invalid("a percent sign without two hexadecimal digits")
      }
      bytes.append(high << 4 | low)
      rest = rest.dropFirst(2)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else { throw AdminError.invalid("text that is not UTF-8") }
    return decoded
  }
}

import Administration
import Bytes
import Events
import Gateway
import Store
import Synchronization
import Telemetry
import Wire

/// Subscriptions and their events in a running gateway: their loop, what the gateway asks of them, and where backends post.
final class EventLink: SubscriptionKeeper, SubscriptionEnding {
  /// Behind `events.sinkUrl`.
  static let path = "/events/"
  static let stopSeconds = 5

  let store: any SubscriptionStore
  let intake: String
  let service: EventService
  private let loop: EventLoop
  private let teller: Teller

  /// - Parameter outbound: whose authorities vouch for sinks, too.
  init(_ ruled: RuledBackbone, _ outbound: Outbound) throws {
    let (configuration, stores) = (ruled.configuration, ruled.stores)
    let settings = configuration.events
    store = stores.subscriptions
    intake = (settings.sinkURL ?? configuration.issuer) + Self.path.dropLast()
    loop = try EventLoop(index: 0, time: ruled.time)
    let client = JudgedWebClient(
      loop: loop, tls: outbound.tls, rule: .publicOnly(exceptions: settings.allowedSinkAddresses), limits: settings.clientLimits)
    let teller = Teller()
    self.teller = teller
    let parts = EventService.Parts(
      subscriptions: stores.subscriptions, events: stores.events, clients: stores.clients, subjects: stores.subjects,
      ledger: ruled.ledger, keys: ruled.keys, time: ruled.time, loop: loop, client: client,
      notice: { await teller.tell($0) }, complain: { Log.process.warning("events.unavailable", $0) })
    service = EventService(
      parts, settings: settings.made(issuer: configuration.issuer),
      rules: EventRules(catalogue: ruled.catalogue, consents: ruled.consents))
  }

  /// - Parameter gateway: that of the moment: it knows the backends.
  func start(telling gateway: @escaping @Sendable () -> GatewayHandler) {
    teller.gateway.withLock { $0 = gateway }
    loop.start()
    service.start()
  }

  /// New events are judged by another ruleset from now on.
  func use(_ ruled: RuledBackbone) { service.use(EventRules(catalogue: ruled.catalogue, consents: ruled.consents)) }

  /// What is under way has some seconds to end; all that waits goes on at the next start.
  func stop() async {
    await service.stop(deadlineSeconds: Self.stopSeconds)
    loop.stop()
  }

  // MARK: For the gateway

  func judge(sink: String, of client: ClientRecord) async -> SinkJudgement {
    switch await service.sinks.judge(sink: sink, of: client) {
    case .admitted: .admitted
    case .refused(let why): .refused(why)
    }
  }

  func ended(kind: String, backendID: String) async throws {
    guard let record = try store.find(kind: kind, backendIDs: [backendID]).first ?? nil, record.status.isLive else { return }
    try await service.deleted(record, backendID)
  }

  // MARK: For administrators

  func end(_ id: String, for cause: SubscriptionEndCause) async throws -> Bool {
    switch cause {
    case .operatorsAct(let description): try await service.ender.end(id, because: .byOperator(description: description))
    case .subjectErased: try await service.ender.end(id, because: .consentWithdrawn)
    }
  }

  // MARK: For backends

  static func handles(path: String) -> Bool { path.hasPrefix(Self.path) }

  /// Answers a backend that posts an event.
  func respond(to request: HTTPRequest) async -> HTTPResponse {
    guard request.method == "POST" else {
      var answer = Self.response(IntakeError(status: 405, code: "METHOD_NOT_ALLOWED", message: "An event is posted"))
      answer.fields.append(("Allow", "POST"))
      return answer
    }
    let answer = await service.intake.take(
      IncomingEvent(
        pathSecret: String(request.path.dropFirst(Self.path.count)), authorization: request.onlyField("authorization"),
        contentType: request.onlyField("content-type"),
        attributes: request.fields.filter { $0.name.lowercased().hasPrefix("ce-") }.map { ($0.name.lowercased(), $0.value) },
        body: request.body))
    guard let code = answer.code else { return HTTPResponse(status: answer.status) }
    var response = Self.response(IntakeError(status: answer.status, code: code, message: answer.message))
    if answer.status == 401 { response.fields.append(("WWW-Authenticate", "Bearer")) }
    if let seconds = answer.retryAfterSeconds { response.fields.append(("Retry-After", "\(seconds)")) }
    return response
  }

  private struct IntakeError {
    let status: Int
    let code: String
    let message: String
  }

  private static func response(_ error: IntakeError) -> HTTPResponse {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("status", error.status)
    writer.field("code", error.code)
    writer.field("message", error.message + ".")
    writer.endObject()
    return .json(error.status, writer.bytes)
  }

  /// The gateway is made after the link.
  private final class Teller: Sendable {
    let gateway = Mutex<(@Sendable () -> GatewayHandler)?>(nil)

    func tell(_ record: SubscriptionRecord) async -> Bool {
      guard let gateway = gateway.withLock({ $0 }) else { return false }
      return await gateway().tellBackend(of: record)
    }
  }
}

extension HTTPRequest {
  /// Nil where it stands there twice: which of the two is meant?
  fileprivate func onlyField(_ name: String) -> String? {
    let values = fields(name)
    return values.count == 1 ? values[0] : nil
  }
}

extension Configuration.Events {
  func made(issuer: String) -> EventSettings {
    var settings = EventSettings(apiAddress: issuer, originName: WebAddress(issuer)?.host ?? issuer)
    settings.allowsPlainHTTP = allowsPlainHTTP
    settings.waitingPerSubscription = waitingPerSubscription
    settings.waitingMaximum = waitingMaximum
    settings.attemptsMaximum = attemptsMaximum
    settings.attemptHours = attemptHours
    settings.deliveriesAtOnce = deliveriesAtOnce
    settings.timeoutMilliseconds = timeoutMilliseconds
    return settings
  }

  var clientLimits: JudgedWebClient.Limits {
    var limits = JudgedWebClient.Limits()
    limits.connectionsMaximum = connectionsPerSink
    limits.waitingMaximum = deliveriesAtOnce
    return limits
  }
}

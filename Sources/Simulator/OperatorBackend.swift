import Bytes
import Identifiers
import Synchronization
import Wire

/// The simulated operator's backends on one port: all APIs of `APIs/Routes.swift`, the look-ups of subscribers, and what a test wants to
/// know and change (`SimulatorControl`).
public final class OperatorBackend: RequestHandler {
  private let data: SimulatedOperator
  private let router = Router(Routes.all)
  private let kept: KeptResources
  private let events: OperatorEvents
  private let loop: EventLoop
  private let faults: FaultBoard
  private let calls = Mutex<[String: Int]>([:])
  private let time: any TimeSource
  private let slowSeconds: Int

  /// - Parameters:
  ///   - faults: in force from the start.
  ///   - slowSeconds: how long the slow subscriber's answer takes.
  ///   - loop: from which events are sent, once `startEvents` was called.
  ///   - tls: knows whom to believe that they are a sink.
  public init(
    data: SimulatedOperator, faults: [Fault] = [], time: any TimeSource = SystemTime(), slowSeconds: Int = 5, loop: EventLoop,
    tls: TLSClientContext
  ) {
    self.data = data
    self.faults = FaultBoard(faults)
    self.time = time
    self.slowSeconds = slowSeconds
    self.loop = loop
    kept = KeptResources(maximum: data.settings.resourcesMaximum)
    events = OperatorEvents(data: data, kept: kept, carrier: WebCarrier(loop: loop, tls: tls), time: time) { work in
      loop.spawn(work)
    }
  }

  /// Sends events to the sinks of what calls make, from now until the loop stops. The loop runs.
  ///
  /// - Parameter runsScript: whether the script of the data file runs; nil asks the file.
  public func startEvents(runsScript: Bool? = nil) {
    let clock = EventClock(data: data, kept: kept, events: events, time: time)
    loop.spawn { await clock.run() }
    if runsScript ?? data.script?.isEnabled ?? false { loop.spawn { await clock.runScript() } }
  }

  public func bodyBytesMaximum(_ exchange: Exchange) -> Int? { nil }

  public func handle(_ exchange: Exchange) {
    let connection = BackendConnection(exchange)
    exchange.answer { [self] request in await answer(request, connection) }
  }

  public func reject(_ exchange: Exchange, _ rejection: HTTPRejection) {
    exchange.send(
      BackendError.invalidArgument("The simulated backend could not read the request.").answer.response(correlator: nil))
  }

  private func answer(_ request: HTTPRequest, _ connection: BackendConnection) async -> HTTPResponse {
    let path = request.path
    let control = SimulatorControl(
      data: data, router: router, kept: kept, events: events, faults: faults, now: time.now())
    if let answer = control.answer(request, path, calls) { return answer }
    // Not counted: no personal data of a call's is asked for.
    if let found = SubscriberLookup(data: data).answer(request, path) { return found }
    calls.withLock { calls in
      // Paths may hold ids: the count of a long test must not grow for ever.
      if calls[path] != nil || calls.count < 10_000 { calls[path, default: 0] += 1 }
    }
    return await answer(request, path, connection)
  }

  /// A call of an API, with what goes wrong on purpose.
  private func answer(_ request: HTTPRequest, _ path: String, _ connection: BackendConnection) async -> HTTPResponse {
    let correlator = request.field("x-correlator")
    let match: Router.Match
    do { match = try router.find(request.method, path) } catch { return error.answer.response(correlator: correlator) }
    var spoiling: Fault.Kind?
    for fault in faults.next(match.api, match.route) {
      if case .delay(let milliseconds) = fault {
        try? await Task.sleep(for: .milliseconds(milliseconds))
      } else {
        spoiling = fault
      }
    }
    if case .error(let status)? = spoiling { return BackendError.of(status: status).answer.response(correlator: correlator) }
    let call = Call(request, match.parameters, data, kept, now: time.now())
    let behaviour: SimulatedSubscriber.Behaviour
    var answer: Answer
    do throws(BackendError) {
      try Self.check(request)
      answer = try match.route.handler(call)
      behaviour = call.subject?.behaviour ?? .normal
    } catch {
      answer = error.answer
      behaviour = .normal
    }
    if behaviour == .slow { try? await Task.sleep(for: .seconds(slowSeconds)) }
    let response = answer.misbehaving(as: behaviour).response(correlator: correlator)
    return await connection.spoil(response, behaviour, spoiling)
  }

  private static func check(_ request: HTTPRequest) throws(BackendError) {
    guard !request.body.isEmpty, let type = request.field("content-type") else { return }
    let essence = type.prefix { $0 != ";" && $0 != " " }.lowercased()
    guard essence == "application/json" else { throw .unsupportedMediaType }
  }
}

extension Answer {
  /// With what a subscriber's backend leaves out or adds.
  fileprivate func misbehaving(as behaviour: SimulatedSubscriber.Behaviour) -> Answer {
    guard case .object(let members)? = body else { return self }
    var answer = self
    switch behaviour {
    case .incomplete: answer.body = .object(Array(members.prefix(1)))
    case .talkative:
      answer.body = .object(members).adding([
        "imsi": .string("208010123456789"), "homeAddress": .string("12 rue de la Paix, Paris"),
        "location": ["latitude": .integer(48)],
      ])
    default: break
    }
    return answer
  }
}

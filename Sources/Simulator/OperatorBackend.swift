import Bytes
import Identifiers
import Synchronization
import Wire

/// The simulated operator's backends on one port: the Device Identifier API in three versions and what they counted, and the look-ups
/// of subscribers.
///
/// `GET /simulator/statistics` says how often each path was called, so that a test can show that nothing reached a backend;
/// `POST /simulator/reset` forgets it.
public final class OperatorBackend: RequestHandler {
  private let data: SimulatedOperator
  private let calls = Mutex<[String: Int]>([:])
  private let slowSeconds: Int

  /// - Parameter slowSeconds: how long the slow subscriber's answer takes.
  public init(data: SimulatedOperator, slowSeconds: Int = 5) {
    self.data = data
    self.slowSeconds = slowSeconds
  }

  public func bodyBytesMaximum(_ exchange: Exchange) -> Int? { nil }

  public func handle(_ exchange: Exchange) {
    let path = exchange.path.string()
    let connection = Severing(exchange)
    exchange.answer { [self] request in await answer(request, path, connection) }
  }

  public func reject(_ exchange: Exchange, _ rejection: HTTPRejection) {
    exchange.send(BackendError.badRequest.response(correlator: nil))
  }

  private func answer(_ request: HTTPRequest, _ path: String, _ connection: Severing) async -> HTTPResponse {
    switch (request.method, path) {
    case ("GET", "/simulator/statistics"): return statistics()
    case ("POST", "/simulator/reset"):
      calls.withLock { $0 = [:] }
      return HTTPResponse(status: 204)
    default: break
    }
    // Not counted: no personal data of a call's is asked for.
    if let found = SubscriberLookup(data: data).answer(request, path) { return found }
    calls.withLock { $0[path, default: 0] += 1 }
    let correlator = request.field("x-correlator")
    guard let version = DeviceIdentifier.Version(path) else { return BackendError.notFound.response(correlator: correlator) }
    let api = DeviceIdentifier(data: data, version: version)
    switch api.subject(request) {
    case .failure(let error): return error.response(correlator: correlator)
    case .success(let subscriber):
      await delay(subscriber, request)
      return connection.apply(subscriber.behaviour, to: api.answer(subscriber, request, correlator))
    }
  }

  private func delay(_ subscriber: SimulatedSubscriber, _ request: HTTPRequest) async {
    guard subscriber.behaviour == .slow else { return }
    try? await Task.sleep(for: .seconds(slowSeconds))
  }

  private func statistics() -> HTTPResponse {
    var writer = JSONWriter()
    writer.beginObject()
    for (path, count) in calls.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
      writer.key(path)
      writer.integer(count)
    }
    writer.endObject()
    return HTTPResponse.json(200, writer.bytes)
  }
}

/// Breaks the connection of an exchange, for those subscribers whose backend does. Confined to the loop of the exchange.
private struct Severing: @unchecked Sendable {
  private let exchange: Exchange

  init(_ exchange: Exchange) { self.exchange = exchange }

  func apply(_ behaviour: SimulatedSubscriber.Behaviour, to response: HTTPResponse) -> HTTPResponse {
    switch behaviour {
    case .closing: exchange.sever()
    case .truncated: exchange.sever(after: response)
    default: break
    }
    return response
  }
}

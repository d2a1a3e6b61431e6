import Bytes
import JOSE
import Policy
import Telemetry
import Wire

/// A call's place in a trace (W3C Trace Context), decided when its head is there. There is one where tracing is on.
struct CallTrace {
  /// Our own span; its flags say whether it is recorded.
  let place: TraceParent
  /// The client's span, where it is believed.
  let parent: UInt64?
  /// The client's span, where a trace of our own began.
  let link: TraceParent?
  /// The request to the backend: what the backend's own spans hang on.
  let upstream: TraceParent

  init(_ tracing: Tracing, _ exchange: Exchange) {
    let sent = Self.sent(exchange)
    if let sent, tracing.trustsParents {
      place = TraceParent(trace: sent.trace, span: Random.identifier(), flags: sent.flags)
      parent = sent.span
      link = nil
    } else {
      let trace = TraceID(high: Random.identifier(), low: Random.identifier())
      place = TraceParent(trace: trace, span: Random.identifier(), flags: tracing.samples(trace) ? TraceParent.sampled : 0)
      parent = nil
      link = sent
    }
    upstream = TraceParent(trace: place.trace, span: Random.identifier(), flags: place.flags)
  }

  /// Several of them are none (W3C Trace Context §3.2).
  private static func sent(_ exchange: Exchange) -> TraceParent? {
    guard exchange.count(.traceparent) == 1, let value = exchange.field(.traceparent) else { return nil }
    return TraceParent(value)
  }
}

/// The backend's part in a call that went to one. Times are monotonic.
struct UpstreamVisit {
  let beganNanoseconds: UInt64
  var endedNanoseconds: UInt64 = 0
  /// Nil when no answer came.
  var status: Int?
  /// Host and port as in `Host`, of the target that got the call last; empty when none did, and where nothing is traced.
  var authority: [UInt8] = []
}

/// What is told of a call in a trace: nothing of its subject, its token or its bodies.
struct TracedCall {
  let trace: CallTrace
  let operation: OperationPolicy
  let client: String?
  let correlator: [UInt8]
  let isSecure: Bool
  let decision: StaticString
  let reason: StaticString?
  let status: Int
  let visit: UpstreamVisit?

  /// The server's span, and the client's under it, where there was one (OpenTelemetry's conventions for HTTP).
  ///
  /// - Parameters:
  ///   - arrived: when the head was there; monotonic.
  ///   - monotonic: now; both clocks at one moment.
  func spans(arrived: UInt64, monotonic: UInt64, now: Timestamp) -> [FinishedSpan] {
    let offset = now.microseconds &* 1000 &- Int64(truncatingIfNeeded: monotonic)
    func wall(_ nanoseconds: UInt64) -> Int64 { Int64(truncatingIfNeeded: nanoseconds) &+ offset }
    var server = FinishedSpan(
      name: "\(operation.method) \(operation.pathTemplate)", kind: .server, place: trace.place, parent: trace.parent,
      link: trace.link, startNanoseconds: wall(arrived), endNanoseconds: wall(monotonic))
    server.isError = status >= 500
    server.attributes = serverAttributes
    guard let visit else { return [server] }
    var client = FinishedSpan(
      name: operation.method, kind: .client, place: trace.upstream, parent: trace.place.span,
      startNanoseconds: wall(visit.beganNanoseconds), endNanoseconds: wall(visit.endedNanoseconds))
    client.isError = visit.status.map { $0 >= 400 } ?? true
    client.attributes = attributes(of: visit)
    return [server, client]
  }

  private var serverAttributes: [(name: StaticString, value: FinishedSpan.Value)] {
    var attributes: [(name: StaticString, value: FinishedSpan.Value)] = [
      ("http.request.method", .text(operation.method)), ("http.route", .text(operation.pathTemplate)),
      ("http.response.status_code", .integer(status)), ("url.scheme", .text(isSecure ? "https" : "http")),
      ("passerelle.api", .text(operation.api.rawValue)), ("passerelle.api_version", .text(operation.version)),
      ("passerelle.operation", .text(operation.id.rawValue)), ("passerelle.decision", .text(decision.description)),
      ("passerelle.correlator", .text(String(decoding: correlator, as: UTF8.self))),
    ]
    if let client { attributes.append(("passerelle.client_id", .text(client))) }
    if let reason { attributes.append(("passerelle.reason", .text(reason.description))) }
    if status >= 500 { attributes.append(("error.type", .text("\(status)"))) }
    return attributes
  }

  /// An authority without a port is at its scheme's own, which is not told.
  private static func server(_ authority: String) -> [(name: StaticString, value: FinishedSpan.Value)] {
    guard !authority.hasSuffix("]"), let colon = authority.lastIndex(of: ":"), let port = Int(authority[colon...].dropFirst())
    else { return [("server.address", .text(authority))] }
    return [("server.address", .text(String(authority[..<colon]))), ("server.port", .integer(port))]
  }

  private func attributes(of visit: UpstreamVisit) -> [(name: StaticString, value: FinishedSpan.Value)] {
    var attributes: [(name: StaticString, value: FinishedSpan.Value)] = [
      ("http.request.method", .text(operation.method)), ("url.template", .text(operation.pathTemplate)),
    ]
    if !visit.authority.isEmpty { attributes += Self.server(String(decoding: visit.authority, as: UTF8.self)) }
    guard let status = visit.status else {
      attributes.append(("error.type", .text(reason?.description ?? "_OTHER")))
      return attributes
    }
    attributes.append(("http.response.status_code", .integer(status)))
    if status >= 400 { attributes.append(("error.type", .text("\(status)"))) }
    return attributes
  }
}

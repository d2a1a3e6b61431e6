import Bytes
import Wire

extension AdminAPI {
  /// `GET /admin/v1/upstreams`: a row for each address of each target.
  func listUpstreams() throws -> HTTPResponse {
    guard let states = dependencies.upstreams else { throw AdminError.conflict("no gateway runs with this configuration") }
    var writer = JSONWriter()
    writer.beginArray()
    for upstream in states() {
      for target in upstream.targets { write(target, of: upstream, to: &writer) }
    }
    writer.endArray()
    return HTTPResponse.json(200, writer.bytes)
  }

  private func write(_ target: UpstreamTargetState, of upstream: UpstreamState, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("upstream", upstream.name)
    writer.field("target", target.target)
    writer.field("address", target.address)
    writer.field("state", target.standing.rawValue)
    writer.field("calls_under_way", target.callsUnderWay)
    writer.field("connections", target.openConnections)
    // Of the upstream: they wait for whichever target is free first.
    writer.field("calls_waiting", upstream.waitingCalls)
    writer.field("calls_answered", target.callsAnswered)
    writer.field("calls_failed", target.callsFailed)
    writer.field("calls_retried", target.callsRetried)
    writer.field("ejections", target.ejections)
    if let fault = target.lastFault { writer.field("last_fault", fault) }
    writer.endObject()
  }
}

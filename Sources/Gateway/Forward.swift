import Bytes
import Identifiers
import Policy
import Wire

/// Stage 10: the request that the backend gets.
///
/// It is written anew: the path byte for byte as it was matched, the query parameters that the policy names, the body with one
/// identifier, and the fields below. No field of the client's passes except trace context, languages and those that the policy names;
/// what a client says about identity, or nominates in `Connection`, cannot reach the backend (A27, A28).
struct ForwardRequest {
  /// What never changes, written once.
  private let constantFields: [UInt8]

  init(gatewayHost: String) {
    constantFields = Array("\r\nAccept: application/json\r\nX-Forwarded-Host: \(gatewayHost)\r\n".utf8)
  }

  /// What the head says of one call.
  struct Call {
    /// `Host`: of the target that was chosen.
    var authority: [UInt8]
    var correlator: [UInt8]
    var client: ClientID
    /// What `forwardedFields` gave for the client's connection.
    var forwarded: [UInt8]
    /// Nil hands the client's trace context on as it came.
    var trace: CallTrace?
  }

  func append(_ exchange: Exchange, _ call: Call, _ upstream: UpstreamRequest, to output: inout [UInt8]) {
    output.append(exchange.methodBytes)
    output.append(0x20)
    output.append(exchange.path)
    output.append(contentsOf: upstream.query)
    output.append(" HTTP/1.1\r\nHost: ")
    output.append(contentsOf: call.authority)
    output.append(contentsOf: constantFields)
    field("x-correlator: ", call.correlator, &output)
    field("x-passerelle-client-id: ", call.client.rawValue, &output)
    output.append(contentsOf: call.forwarded)
    traceContext(exchange, call.trace, &output)
    if exchange.count(.acceptLanguage) == 1, let languages = exchange.field(.acceptLanguage), languages.count <= 256 {
      field("accept-language: ", languages, &output)
    }
    output.append(contentsOf: upstream.fields)
    if !upstream.body.isEmpty || exchange.hasBody {
      output.append("content-type: application/json\r\ncontent-length: ")
      output.append(decimal: upstream.body.count)
      output.append("\r\n")
    }
    output.append("\r\n")
    output.append(contentsOf: upstream.body)
  }

  /// W3C Trace Context §3: our own span, where there is one; otherwise what came, when it is what it claims to be. The client's vendors'
  /// state goes with the client's trace alone.
  private func traceContext(_ exchange: Exchange, _ trace: CallTrace?, _ output: inout [UInt8]) {
    if let trace {
      output.append("traceparent: ")
      trace.upstream.append(to: &output)
      output.append("\r\n")
      guard trace.parent != nil else { return }
    } else {
      guard exchange.count(.traceparent) == 1, let parent = exchange.field(.traceparent), Self.isTraceparent(parent) else {
        return
      }
      field("traceparent: ", parent, &output)
    }
    if exchange.count(.tracestate) == 1, let state = exchange.field(.tracestate), state.count <= 512 {
      field("tracestate: ", state, &output)
    }
  }

  /// The fields that say for whom a call is forwarded, the same for all calls of a connection.
  ///
  /// RFC 7239, and the older fields beside it for backends that read those. Only the address that connected is named: what
  /// came in such a field from outside is not repeated (A29).
  static func forwardedFields(for client: SocketAddress, isSecure: Bool, host: String) -> [UInt8] {
    let (address, scheme) = (client.host, isSecure ? "https" : "http")
    let node = address.utf8.contains(0x3A) ? "\"[\(address)]\"" : address
    return Array(
      "x-forwarded-for: \(address)\r\nx-forwarded-proto: \(scheme)\r\nforwarded: for=\(node);proto=\(scheme);host=\"\(host)\"\r\n"
        .utf8)
  }

  private func field(_ name: StaticString, _ value: Span<UInt8>, _ output: inout [UInt8]) {
    output.append(name)
    output.append(value)
    output.append("\r\n")
  }

  private func field(_ name: StaticString, _ value: [UInt8], _ output: inout [UInt8]) {
    output.append(name)
    output.append(contentsOf: value)
    output.append("\r\n")
  }

  private func field(_ name: StaticString, _ value: String, _ output: inout [UInt8]) {
    output.append(name)
    output.append(text: value)
    output.append("\r\n")
  }

  /// `00-<32 hex>-<16 hex>-<2 hex>` in lower case (W3C Trace Context §3.2).
  static func isTraceparent(_ value: Span<UInt8>) -> Bool {
    guard value.count == 55 else { return false }
    for index in value.indices {
      let byte = value[index]
      if index == 2 || index == 35 || index == 52 {
        guard byte == 0x2D else { return false }
      } else {
        guard (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66) else { return false }
      }
    }
    return true
  }
}

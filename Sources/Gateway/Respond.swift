import Bytes
import Policy
import Wire

/// Stage 13: what the client gets. An answer of success is what the filter released; every refusal is a CAMARA `ErrorInfo`
/// (`status`, `code`, `message`) with the codes of the API's own version.
struct Responder {
  let challenges: Challenges

  /// - Parameter fields: whole lines that the answer has beside those of every answer.
  func send(
    _ exchange: Exchange, status: Int, fields: [UInt8], body: [UInt8], correlator: [UInt8], standing: Limiter.Standing?
  ) {
    exchange.beginResponse(status: status)
    commonFields(exchange, correlator, standing)
    exchange.addFields(fields)
    if status != 204, !body.isEmpty { exchange.addField("content-type: ", "application/json") }
    exchange.endResponse(body: body.span)
  }

  /// - Parameter errors: the codes of the API's version; the common ones for what concerns no API.
  func refuse(
    _ exchange: Exchange, _ error: APIError, _ errors: ErrorCodes, body: [UInt8], correlator: [UInt8],
    standing: Limiter.Standing?
  ) {
    let answer = errors.answer(error.kind)
    exchange.beginResponse(status: answer.status)
    commonFields(exchange, correlator, standing)
    for challenge in challenges.challenges(for: error, status: answer.status) {
      exchange.addField("www-authenticate: ", challenge)
    }
    if let seconds = error.retryAfterSeconds { exchange.addField("retry-after: ", seconds) }
    if let allow = error.allow { exchange.addField("allow: ", allow) }
    exchange.addField("content-type: ", "application/json")
    exchange.endResponse(body: body.span)
  }

  /// `Location`, in this gateway.
  func location(_ path: [UInt8], _ settings: GatewaySettings, into fields: inout [UInt8]) {
    fields.append("location: ")
    fields.append(contentsOf: "\(settings.isSecure ? "https" : "http")://\(settings.host)".utf8)
    fields.append(contentsOf: path)
    fields.append("\r\n")
  }

  /// The `ErrorInfo` of a refusal.
  func errorInfo(_ error: APIError, _ errors: ErrorCodes) -> [UInt8] {
    let answer = errors.answer(error.kind)
    return Self.errorInfo(status: answer.status, code: answer.code, message: error.message ?? answer.message)
  }

  static func errorInfo(status: Int, code: String, message: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("status", status)
    writer.field("code", code)
    writer.field("message", message)
    writer.endObject()
    return writer.bytes
  }

  /// Answers hold personal data and decisions of the moment: nobody keeps them.
  private func commonFields(_ exchange: Exchange, _ correlator: [UInt8], _ standing: Limiter.Standing?) {
    exchange.addField("x-correlator: ", correlator.span)
    exchange.addField("cache-control: ", "no-store")
    guard let standing else { return }
    exchange.addField("ratelimit-policy: \"calls\"", (";q=", standing.limit), (";w=", standing.windowSeconds))
    exchange.addField("ratelimit: \"calls\"", (";r=", standing.remaining), (";t=", standing.resetSeconds))
  }
}

import Bytes
import JOSE
import Wire

/// The answer to what the HTTP parser refused: an `ErrorInfo` with HTTP's own name for the status where CAMARA has no code.
public enum Rejection {
  /// Answers on the loop of the exchange; the connection closes afterwards.
  public static func send(_ exchange: Exchange, _ rejection: HTTPRejection) {
    exchange.beginResponse(status: rejection.status)
    exchange.addField("x-correlator: ", Random.uuid())
    exchange.addField("cache-control: ", "no-store")
    exchange.addField("content-type: ", "application/json")
    let body = Responder.errorInfo(
      status: rejection.status, code: code(of: rejection.status), message: rejection.reason.description)
    exchange.endResponse(body: body.span)
  }

  /// Answers a request that is no API's when there is too much to do; the connection stays.
  public static func sendOverloaded(_ exchange: Exchange) {
    exchange.beginResponse(status: 503)
    exchange.addField("x-correlator: ", Random.uuid())
    exchange.addField("cache-control: ", "no-store")
    exchange.addField("retry-after: ", 1)
    exchange.addField("content-type: ", "application/json")
    let body = Responder.errorInfo(status: 503, code: code(of: 503), message: "There is too much to do now: try again later.")
    exchange.endResponse(body: body.span)
  }

  private static func code(of status: Int) -> String {
    switch status {
    case 408: "REQUEST_TIMEOUT"
    case 413: "CONTENT_TOO_LARGE"
    case 414: "URI_TOO_LONG"
    case 417: "EXPECTATION_FAILED"
    case 431: "REQUEST_HEADER_FIELDS_TOO_LARGE"
    case 501: "NOT_IMPLEMENTED"
    case 503: "UNAVAILABLE"
    case 505: "HTTP_VERSION_NOT_SUPPORTED"
    default: "INVALID_ARGUMENT"
    }
  }
}

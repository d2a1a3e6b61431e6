import Bytes
import JOSE
import Wire

/// The answer to what the HTTP parser refused: an `ErrorInfo` with HTTP's own name for the status where CAMARA has no code.
public enum Rejection {
  /// Answers on the loop of the exchange; the connection closes afterwards.
  public static func send(_ exchange: Exchange, _ rejection: HTTPRejection) {
    send(exchange, status: rejection.status, message: rejection.reason.description)
  }

  /// Answers a request that is no API's when there is too much to do; the connection stays.
  public static func sendOverloaded(_ exchange: Exchange) {
    send(exchange, status: 503, message: "There is too much to do now: try again later.", retryAfterSeconds: 1)
  }

  private static func send(_ exchange: Exchange, status: Int, message: String, retryAfterSeconds: Int? = nil) {
    exchange.beginResponse(status: status)
    exchange.addField("x-correlator: ", Random.uuid())
    exchange.addField("cache-control: ", "no-store")
    if let retryAfterSeconds { exchange.addField("retry-after: ", retryAfterSeconds) }
    exchange.addField("content-type: ", "application/json")
    exchange.endResponse(body: Responder.errorInfo(status: status, code: code(of: status), message: message).span)
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

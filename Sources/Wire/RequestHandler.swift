import Bytes

/// Who answers the requests of a listener. Called on the loop of the connection.
public protocol RequestHandler: AnyObject, Sendable {
  /// The head is read, the body is not: how large the body may be; nil for the listener's own limit.
  func bodyBytesMaximum(_ exchange: Exchange) -> Int?
  /// Head and body are there. Must answer, now or later, once.
  func handle(_ exchange: Exchange)
  /// HTTP itself refuses the request; of the head there may be nothing. Must answer now; the connection closes afterwards.
  func reject(_ exchange: Exchange, _ rejection: HTTPRejection)
  /// Head and body are there, but the loop works on as many requests as it can. Must answer now, with 503 and `Retry-After`; the
  /// connection stays.
  func shed(_ exchange: Exchange)
}

extension RequestHandler {
  /// For who is content with HTTP's own answer.
  public func shed(_ exchange: Exchange) {
    exchange.send(HTTPResponse(status: 503, fields: [("retry-after", "1")], body: []))
  }
}

/// Why a request is refused before anybody looks at what it asks.
public enum HTTPRejection: Equatable, Sendable {
  case malformed(String)
  case headTooLarge
  case targetTooLong
  case bodyTooLarge
  case headTimeout
  case bodyTimeout
  case unsupportedTransferCoding
  case unsupportedVersion
  case unsupportedExpectation

  public var status: Int {
    switch self {
    // RFC 9112 §6.1 suggests 501 for a coding that is not known; one that only we know not is ambiguous, and refused as such.
    case .malformed, .unsupportedTransferCoding: 400
    case .headTooLarge: 431
    case .targetTooLong: 414
    case .bodyTooLarge: 413
    case .headTimeout, .bodyTimeout: 408
    case .unsupportedVersion: 505
    case .unsupportedExpectation: 417
    }
  }

  /// What to tell the client; holds nothing of the request.
  public var reason: String {
    switch self {
    case .malformed(let reason): "Malformed HTTP request: \(reason)."
    case .headTooLarge: "The header fields are too large or too many."
    case .targetTooLong: "The request target is too long."
    case .bodyTooLarge: "The request body is too large."
    case .headTimeout: "The header fields did not come in time."
    case .bodyTimeout: "The request body did not come in time."
    case .unsupportedTransferCoding: "The only transfer coding is chunked."
    case .unsupportedVersion: "The only versions are HTTP/1.1 and HTTP/1.0."
    case .unsupportedExpectation: "The only expectation is 100-continue."
    }
  }

  init(_ fault: HeadParser.Fault) {
    switch fault {
    case .malformed(let reason): self = .malformed(reason.description)
    case .headTooLarge: self = .headTooLarge
    case .targetTooLong: self = .targetTooLong
    case .unsupportedVersion: self = .unsupportedVersion
    case .unsupportedTransferCoding: self = .unsupportedTransferCoding
    case .unsupportedExpectation: self = .unsupportedExpectation
    }
  }
}

/// What one connection may cost.
public struct ServerLimits: Sendable {
  /// Start line and header fields.
  public var headBytesMaximum = 16_384
  public var fieldCountMaximum = 100
  public var targetBytesMaximum = 8192
  /// Of requests whose handler names no other limit.
  public var bodyBytesMaximum = 1 << 20
  /// From the first byte of a request to the end of its head.
  public var headSecondsMaximum = 10
  /// From the end of the head to the end of the body.
  public var bodySecondsMaximum = 30
  /// Between requests.
  public var idleSecondsMaximum = 75
  /// What a client must send of a request, or take of an answer, after the first five seconds of it; 0 for no such limit.
  public var bytesPerSecondMinimum = 240
  /// For the client to take an answer.
  public var writeSecondsMaximum = 30
  /// Of a listener, all loops together.
  public var connectionsMaximum = 20_000

  public init() {}

  var headLimits: HeadParser.Limits {
    HeadParser.Limits(
      headBytesMaximum: headBytesMaximum, fieldCountMaximum: fieldCountMaximum, targetBytesMaximum: targetBytesMaximum)
  }
}

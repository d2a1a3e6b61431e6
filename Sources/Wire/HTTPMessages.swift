import Bytes

/// A request that owns what it holds; for the control plane.
public struct HTTPRequest: Sendable {
  public let method: String
  /// As it was sent.
  public let target: String
  /// Names in lower case.
  public let fields: [(name: String, value: String)]
  public let body: [UInt8]
  /// Nil for a request that came from within the process.
  public let remoteAddress: SocketAddress?
  /// The certificate of the client's connection (`Exchange.clientCertificate`); nil without one.
  public let clientCertificate: String?
  /// The loop on which it is answered.
  public let loop: EventLoop

  public init(
    method: String, target: String, fields: [(name: String, value: String)], body: [UInt8],
    remoteAddress: SocketAddress? = nil, clientCertificate: String? = nil, loop: EventLoop
  ) {
    self.method = method
    self.target = target
    self.fields = fields
    self.body = body
    self.remoteAddress = remoteAddress
    self.clientCertificate = clientCertificate
    self.loop = loop
  }

  /// The target before the first `?`, not decoded.
  public var path: String { String(target.prefix { $0 != "?" }) }
  /// What follows the first `?`, not decoded.
  public var query: String? { target.firstIndex(of: "?").map { String(target[target.index(after: $0)...]) } }
  /// The first value of a field, by its name in lower case.
  public func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
  /// All values of a field.
  public func fields(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
}

/// An answer that owns what it holds; for the control plane.
public struct HTTPResponse: Sendable {
  public var status: Int
  public var fields: [(name: String, value: String)]
  public var body: [UInt8]

  public init(status: Int, fields: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = body
  }

  /// The first value of a field, without regard to case.
  public func field(_ name: String) -> String? { fields.first { $0.name.lowercased() == name.lowercased() }?.value }

  public static func json(_ status: Int, _ bytes: [UInt8]) -> HTTPResponse {
    HTTPResponse(
      status: status, fields: [("content-type", "application/json"), ("cache-control", "no-store")], body: bytes)
  }

  public static func html(_ status: Int, _ bytes: [UInt8]) -> HTTPResponse {
    HTTPResponse(
      status: status, fields: [("content-type", "text/html; charset=utf-8"), ("cache-control", "no-store")], body: bytes)
  }

  /// - Parameter status: 302, or 303 for the answer to a form.
  public static func redirect(to location: String, status: Int = 302) -> HTTPResponse {
    HTTPResponse(status: status, fields: [("location", location), ("cache-control", "no-store")])
  }
}

/// The method of a request.
public enum HTTPMethod: UInt8, Sendable {
  case get, head, post, put, delete, patch, options, trace, connect, other

  init(_ name: Span<UInt8>) {
    if name.equals("POST") {
      self = .post
    } else if name.equals("GET") {
      self = .get
    } else if name.equals("HEAD") {
      self = .head
    } else if name.equals("PUT") {
      self = .put
    } else if name.equals("DELETE") {
      self = .delete
    } else if name.equals("PATCH") {
      self = .patch
    } else if name.equals("OPTIONS") {
      self = .options
    } else if name.equals("TRACE") {
      self = .trace
    } else if name.equals("CONNECT") {
      self = .connect
    } else {
      self = .other
    }
  }
}

/// The reasons of RFC 9110 §15, for the status line.
enum ReasonPhrase {
  static func of(_ status: Int) -> StaticString {
    switch status {
    case 100: "Continue"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
  }
}

import Bytes
import Wire

/// The forms of a direct answer and the fields that go with each.
enum Answer {
  /// Nothing that names a client, a code or a token is kept by anyone on the way (RFC 6749 §5.1).
  private static let uncached: [(name: String, value: String)] = [("cache-control", "no-store"), ("pragma", "no-cache")]

  /// A token answer (RFC 6749 §5.1).
  static func privateJSON(_ status: Int, _ body: [UInt8], _ fields: [(name: String, value: String)] = []) -> HTTPResponse {
    HTTPResponse(
      status: status, fields: [("content-type", "application/json"), ("x-content-type-options", "nosniff")] + uncached + fields,
      body: body)
  }

  /// An error answer (RFC 6749 §5.2).
  static func refusal(_ refusal: Refusal, to request: HTTPRequest, at flow: Flow? = nil) -> HTTPResponse {
    privateJSON(
      refusal.error.status(at: flow), document(refusal.error, refusal.explanation), challenge(refusal, to: request))
  }

  /// The same without a look at the request.
  static var overloaded: HTTPResponse {
    privateJSON(503, document(.temporarilyUnavailable, "there is too much to do now; try again later"), [("retry-after", "1")])
  }

  private static func document(_ error: OAuthError, _ explanation: String) -> [UInt8] {
    var body = JSONWriter()
    body.beginObject()
    body.field("error", error.code)
    body.field("error_description", explanation)
    body.endObject()
    return body.bytes
  }

  /// A client that tried the Authorization field is told so in kind (RFC 6749 §5.2).
  private static func challenge(_ refusal: Refusal, to request: HTTPRequest) -> [(name: String, value: String)] {
    if refusal.error == .temporarilyUnavailable { return [("retry-after", "1")] }
    guard refusal.error == .invalidClient, request.field("authorization") != nil else { return [] }
    return [("www-authenticate", "Basic realm=\"passerelle\"")]
  }

  /// A document for everyone. Five minutes: the next signing key is published long before it signs.
  static func publicJSON(_ body: [UInt8]) -> HTTPResponse {
    HTTPResponse(
      status: 200,
      fields: [
        ("content-type", "application/json"), ("cache-control", "public, max-age=300"), ("x-content-type-options", "nosniff"),
      ], body: body)
  }

  static func methodNotAllowed(_ allow: String) -> HTTPResponse {
    HTTPResponse(
      status: 405, fields: [("content-type", "application/json"), ("allow", allow)] + uncached,
      body: document(.invalidRequest, "the endpoint does not know this method"))
  }

  /// Sends the browser on. 302, which turns a POST into a GET (profile item 18 asks for it; RFC 9700 §4.12 forbids 307), and
  /// the next page learns nothing of where it came from.
  static func redirect(to location: String, cookie: String? = nil) -> HTTPResponse {
    var fields = uncached + [("location", location), ("referrer-policy", "no-referrer")]
    if let cookie { fields.append(("set-cookie", cookie)) }
    return HTTPResponse(status: 302, fields: fields, body: [])
  }

  /// Sends the browser to one of our own pages, with GET whatever brought it here (RFC 9110 §15.4.4).
  static func seeOther(_ location: String, cookie: String? = nil) -> HTTPResponse {
    var response = redirect(to: location, cookie: cookie)
    response.status = 303
    return response
  }
}

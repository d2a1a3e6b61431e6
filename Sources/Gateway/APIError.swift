import Policy

/// A refusal: the one enum of CAMARA's errors (`ErrorKind`, whose status, code and text the API's version decides), and what
/// the ledger, but not the client, gets to know about it.
struct APIError: Error {
  let kind: ErrorKind
  /// The ledger's `reason`: one of a fixed set of words, never a value of the request.
  let reason: StaticString
  /// Says more than the code's own text; names fields, never values.
  var message: String?
  var retryAfterSeconds: Int?
  /// The methods that the path knows, for 405.
  var allow: String?

  /// The backend's own refusal, passed on by its code.
  var isBackends = false
  /// There is more to do than can be done, all together or for this client.
  private(set) var isOverload = false

  init(_ kind: ErrorKind, _ reason: StaticString, message: String? = nil, retryAfterSeconds: Int? = nil, allow: String? = nil) {
    self.kind = kind
    self.reason = reason
    self.message = message
    self.retryAfterSeconds = retryAfterSeconds
    self.allow = allow
  }

  /// There is more to do than can be done: the client may come back.
  static let overload: APIError = {
    var error = APIError(.unavailable, "overload", retryAfterSeconds: 1)
    error.isOverload = true
    return error
  }()

  func reasonIs(_ text: StaticString) -> Bool {
    reason.utf8CodeUnitCount == text.utf8CodeUnitCount && reason.description == text.description
  }
}

/// An error of the simulated backends: CAMARA's `ErrorInfo`.
struct BackendError: Error, Equatable {
  let status: Int
  let code: String
  let message: String
  /// Of 405: what the path can.
  var allowed: String?

  init(_ status: Int, _ code: String, _ message: String, allowed: String? = nil) {
    self.status = status
    self.code = code
    self.message = message
    self.allowed = allowed
  }

  var answer: Answer {
    Answer(
      status, ["status": .integer(status), "code": .string(code), "message": .string(message)],
      fields: allowed.map { [("allow", $0)] } ?? [])
  }

  static func invalidArgument(_ message: String) -> BackendError { BackendError(400, "INVALID_ARGUMENT", message) }
  static func outOfRange(_ message: String) -> BackendError { BackendError(400, "OUT_OF_RANGE", message) }
  static let noSuchPath = BackendError(404, "NOT_FOUND", "The simulated backend has no such path.")
  static let notFound = BackendError(404, "NOT_FOUND", "The specified resource is not found.")
  static let unknownSubscriber = BackendError(404, "IDENTIFIER_NOT_FOUND", "Device identifier not found.")
  static let missingIdentifier = BackendError(422, "MISSING_IDENTIFIER", "The device cannot be identified.")
  static let unsupportedIdentifier = BackendError(422, "UNSUPPORTED_IDENTIFIER", "The identifier provided is not supported.")
  static let notApplicable = BackendError(
    422, "SERVICE_NOT_APPLICABLE", "The service is not available for the provided identifier.")
  static let unsupportedMediaType = BackendError(
    415, "UNSUPPORTED_MEDIA_TYPE",
    "The server refuses to accept the request because the payload format is in an unsupported format.")
  static let failing = BackendError(500, "INTERNAL", "The simulated backend fails for this subscriber.")

  static func methodNotAllowed(_ allowed: [String]) -> BackendError {
    BackendError(
      405, "METHOD_NOT_ALLOWED", "The requested method is not allowed/supported on the target resource.",
      allowed: allowed.joined(separator: ", "))
  }
}

extension BackendError {
  /// What CAMARA calls an error of a status.
  static func of(status: Int) -> BackendError {
    let codes = [
      400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED",
      406: "NOT_ACCEPTABLE", 409: "ABORTED", 410: "GONE", 412: "FAILED_PRECONDITION", 415: "UNSUPPORTED_MEDIA_TYPE",
      422: "SERVICE_NOT_APPLICABLE", 429: "TOO_MANY_REQUESTS", 500: "INTERNAL", 501: "NOT_IMPLEMENTED", 502: "BAD_GATEWAY",
      503: "UNAVAILABLE", 504: "TIMEOUT",
    ]
    return BackendError(
      status, codes[status] ?? (status < 500 ? "INVALID_ARGUMENT" : "INTERNAL"), "The simulated backend fails as it was told to.")
  }
}

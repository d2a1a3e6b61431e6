import Bytes
import Wire

/// The errors of the simulated backends, as CAMARA's `ErrorInfo`.
enum BackendError: Error {
  case badRequest
  case notFound
  case unknownSubscriber(DeviceIdentifier.Version)
  case notApplicable
  case unsupportedIdentifier(DeviceIdentifier.Version)
  case failing

  func response(correlator: String?) -> HTTPResponse {
    let (status, code, message) = content
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("status", status)
    writer.field("code", code)
    writer.field("message", message)
    writer.endObject()
    var response = HTTPResponse.json(status, writer.bytes)
    if let correlator { response.fields.append(("x-correlator", correlator)) }
    return response
  }

  private var content: (status: Int, code: String, message: String) {
    switch self {
    case .badRequest: (400, "INVALID_ARGUMENT", "The simulated backend could not read the request.")
    case .notFound: (404, "NOT_FOUND", "The simulated backend has no such path.")
    case .unknownSubscriber(.release010), .unsupportedIdentifier(.release010):
      (404, "NOT_FOUND", "No device found for the specified parameters")
    case .unknownSubscriber: (404, "IDENTIFIER_NOT_FOUND", "Device identifier not found.")
    case .unsupportedIdentifier: (422, "UNSUPPORTED_IDENTIFIER", "The identifier provided is not supported.")
    case .notApplicable: (422, "SERVICE_NOT_APPLICABLE", "The service is not available for the provided identifier.")
    case .failing: (500, "INTERNAL", "The simulated backend fails for this subscriber.")
    }
  }
}

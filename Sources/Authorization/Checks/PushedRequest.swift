import JOSE
import Store

/// A `request_uri` that this server has given out (RFC 9126 §4) is taken, once, with all that was pushed; what stands beside it
/// counts for nothing.
///
/// One from elsewhere learns nothing here: nothing is ever fetched for it (A19), and `UnsupportedParameters` refuses it when it
/// is known where to.
enum PushedRequest {
  /// What comes before the reference (RFC 9126 §2.2).
  static let prefix = "urn:ietf:params:oauth:request_uri:"

  static func examine(_ examination: Examination) async throws(Refusal) -> FormParameters? {
    let parameters = examination.parameters
    guard !parameters.isRepeated("request_uri") else { throw Refusal(.invalidRequest, "request_uri is there twice") }
    guard let uri = parameters["request_uri"], uri.hasPrefix(prefix) else { return nil }
    guard parameters["request"] == nil else {
      throw Refusal(.invalidRequest, "request and request_uri stand for one another")
    }
    let digest = SHA256.digest(Array(uri.dropFirst(prefix.count).utf8))
    let payload = try await orUnavailable("taking the pushed request") {
      try await examination.dependencies.pushedRequests.take(digest: digest, client: examination.client.id)
    }
    guard let payload, let pushed = try? FormParameters(payload) else {
      throw Refusal(.invalidRequestURI, "the request_uri is not good here, was used before, or has expired")
    }
    return pushed
  }
}

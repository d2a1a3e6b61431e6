import Bytes
import Wire

/// Where the events of a resource go, and what the sink wants to see there.
struct EventSink: Sendable {
  /// As the request said it, to be said again.
  let text: String
  /// Nil for what is no address of the web: nothing can be sent there.
  let address: WebAddress?
  let credential: Credential?

  /// An access token of the sink's own. Never shown.
  struct Credential: Sendable {
    let token: String
    let expires: Timestamp
  }

  /// An event that says so must arrive before the token is useless.
  static let noticeSeconds: Int64 = 2

  /// When the last event can go out; nil for never.
  var closes: Timestamp? { credential?.expires.adding(seconds: -Self.noticeSeconds) }

  /// What goes with each event.
  var authorization: [(name: String, value: String)] {
    credential.map { [("authorization", "Bearer " + $0.token)] } ?? []
  }
}

extension RequestBody {
  /// `sink` and `sinkCredential`; nil without the first.
  func eventSink() throws(BackendError) -> EventSink? {
    let credential = try sinkCredential()
    guard let text = try optionalString("sink") else { return nil }
    let address = WebAddress(text)
    // Without TLS on this machine alone, where there is nobody to listen: a demo's gateway has no certificate.
    guard (text.hasPrefix("https://") && text.utf8.count > 8) || address?.isLoopback ?? false else {
      throw BackendError(400, "INVALID_SINK", "sink not valid for the specified protocol")
    }
    return EventSink(text: text, address: address, credential: credential)
  }

  private func sinkCredential() throws(BackendError) -> EventSink.Credential? {
    guard let credential = try optionalObject("sinkCredential") else { return nil }
    guard try credential.string("credentialType") == "ACCESSTOKEN" else {
      throw BackendError(400, "INVALID_CREDENTIAL", "Only Access token is supported")
    }
    guard try credential.string("accessTokenType") == "bearer" else {
      throw BackendError(400, "INVALID_TOKEN", "Only bearer token is supported")
    }
    return EventSink.Credential(
      token: try credential.string("accessToken"), expires: try credential.time("accessTokenExpiresUtc"))
  }
}

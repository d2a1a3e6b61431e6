/// Every error code that this server answers with, and its status (RFC 6749 §4.1.2.1 and §5.2, OIDC Core §3.1.2.6, CAMARA
/// profile Appendix A). They stand here and nowhere else.
public enum OAuthError: String, Error, Sendable, CaseIterable {
  case invalidRequest = "invalid_request"
  case invalidClient = "invalid_client"
  case invalidGrant = "invalid_grant"
  case invalidScope = "invalid_scope"
  case unauthorizedClient = "unauthorized_client"
  case unsupportedGrantType = "unsupported_grant_type"
  case unsupportedResponseType = "unsupported_response_type"
  case accessDenied = "access_denied"
  case loginRequired = "login_required"
  case consentRequired = "consent_required"
  case unknownUserID = "unknown_user_id"
  case authorizationPending = "authorization_pending"
  case slowDown = "slow_down"
  case expiredToken = "expired_token"
  case invalidDPoPProof = "invalid_dpop_proof"
  case invalidRequestObject = "invalid_request_object"
  case invalidRequestURI = "invalid_request_uri"
  case requestURINotSupported = "request_uri_not_supported"
  case registrationNotSupported = "registration_not_supported"
  case serverError = "server_error"
  case temporarilyUnavailable = "temporarily_unavailable"

  /// The code on the wire.
  public var code: String { rawValue }

  /// The status of a direct answer. An answer by way of the browser is a redirect whatever the code.
  public var status: Int { status(at: nil) }

  /// - Parameter flow: the same code has another status at the backchannel endpoint than at the token endpoint.
  func status(at flow: Flow?) -> Int {
    switch self {
    case .invalidClient: 401  // RFC 6749 §5.2; profile item 68
    case .accessDenied where flow == .backchannel: 403  // CIBA Core §13, profile item 31
    case .serverError: 500
    case .temporarilyUnavailable: 503
    default: 400
    }
  }
}

/// Why a request is refused: the code for the program, a sentence for the developer, a detail for the ledger.
///
/// None of the three ever holds what the request held: no number, token, secret or parameter value (A32). The sentence keeps
/// to the alphabet of `error_description` (RFC 6749 §5.2: no `"`, no `\`).
public struct Refusal: Error, Equatable, Sendable {
  public let error: OAuthError
  public let explanation: String
  /// What the ledger says beyond the code; the explanation unless it would tell the client too much.
  public let detail: String

  public init(_ error: OAuthError, _ explanation: String, detail: String? = nil) {
    self.error = error
    self.explanation = explanation
    self.detail = detail ?? explanation
  }

  /// A store or the ledger failed: nothing was issued, and the client may come back. The ledger's own failure has no entry.
  static func unavailable(_ detail: String) -> Refusal {
    Refusal(.temporarilyUnavailable, "the server cannot answer for the moment; try again", detail: detail)
  }
}

/// Runs what reads or writes a store and turns its failure into a refusal: fail closed, and say nothing of the inside.
func orUnavailable<Value>(_ what: StaticString, _ body: () throws -> Value) throws(Refusal) -> Value {
  do { return try body() } catch let refusal as Refusal { throw refusal } catch { throw .unavailable("\(what) failed") }
}

func orUnavailable<Value: Sendable>(_ what: StaticString, _ body: () async throws -> Value) async throws(Refusal) -> Value {
  do { return try await body() } catch let refusal as Refusal { throw refusal } catch { throw .unavailable("\(what) failed") }
}

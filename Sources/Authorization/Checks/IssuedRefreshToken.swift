import Identifiers
import JOSE
import Store

/// `refresh_token` is one that was issued to this client and has not been used (RFC 6749 §6, profile item 40).
///
/// One that was used before was stolen, from the client or by it: its whole family ends (RFC 9700 §4.14.2, A13).
enum IssuedRefreshToken {
  static func examine(_ examination: Examination) async throws(Refusal) -> RefreshTokenRecord {
    guard let token = examination.parameters["refresh_token"] else {
      throw Refusal(.invalidRequest, "refresh_token is missing")
    }
    guard token.utf8.count <= IssuedCode.bytesMaximum else { throw .refreshTokenNotGood("the token is too long") }
    let digest = SHA256.digest(Array(token.utf8))
    let found = try orUnavailable("reading the token") { try examination.dependencies.refreshTokens.find(digest: digest) }
    guard let found else { throw .refreshTokenNotGood("the token is unknown") }
    guard found.client == examination.client.id else { throw .refreshTokenNotGood("the token was issued to another client") }
    guard found.usedAt == nil else {
      try await examination.server.endFamily(of: found)
      throw .refreshTokenNotGood("the token was used before; its grant ended")
    }
    guard examination.now < found.expiresAt else { throw .refreshTokenNotGood("the token has expired") }
    return found
  }
}

/// The grant behind the refresh token still stands (A24).
enum RefreshGrant {
  static func examine(_ examination: Examination) throws(Refusal) -> GrantRecord {
    let id = examination.refreshToken.grant
    let grant = try orUnavailable("reading the grant") { try examination.dependencies.grants.grant(id) }
    guard let grant, grant.isActive(at: examination.now) else { throw .refreshTokenNotGood("the grant has ended") }
    return grant
  }
}

/// `scope` asks for no more than was granted; without it, for all of that (RFC 6749 §6, A13).
enum RefreshScopes {
  static func examine(_ examination: Examination) throws(Refusal) -> ScopeSet {
    let granted = examination.refreshToken.scopes
    guard let text = examination.parameters["scope"] else { return granted }
    guard let asked = ScopeSet(parsing: text, countMaximum: RequestedScopes.countMaximum), asked.isSubset(of: granted),
      !asked.apiScopes.isEmpty
    else { throw Refusal(.invalidScope, "scope asks for other than a part of what was granted") }
    // The purpose is the grant's, whether it is named again or not.
    return ScopeSet(granted.filter { asked.contains($0) || $0.isPurpose })
  }
}

extension AuthorizationServer {
  /// Ends the grant of a token that was used twice, and all that came of it.
  func endFamily(of token: RefreshTokenRecord) async throws(Refusal) {
    try await orUnavailable("ending the grant") {
      try await dependencies.grants.end(token.grant, reason: EndReason.refreshTokenReused)
    }
  }
}

extension Refusal {
  /// One answer for all that can be wrong with a refresh token: the ledger knows which it was.
  static func refreshTokenNotGood(_ detail: String) -> Refusal {
    Refusal(.invalidGrant, "the refresh token is not good here, or not good any more", detail: detail)
  }
}

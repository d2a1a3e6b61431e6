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

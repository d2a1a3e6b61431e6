import Store

/// The grant behind the refresh token still stands (A24).
enum RefreshGrant {
  static func examine(_ examination: Examination) throws(Refusal) -> GrantRecord {
    let id = examination.refreshToken.grant
    let grant = try orUnavailable("reading the grant") { try examination.dependencies.grants.grant(id) }
    guard let grant, grant.isActive(at: examination.now) else { throw .refreshTokenNotGood("the grant has ended") }
    return grant
  }
}

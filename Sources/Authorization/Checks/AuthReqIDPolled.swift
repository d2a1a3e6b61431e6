import Store

/// The poll is not too soon, and the subscriber has agreed; of all polls that find so, one passes (CIBA Core §11, profile item 32).
enum AuthReqIDPolled {
  static func examine(_ examination: Examination) async throws(Refusal) {
    let digest = examination.backchannel.digest
    let poll = try await orUnavailable("polling") { try await examination.dependencies.backchannel.poll(digest) }
    switch poll {
    case .granted: return
    case .pending: throw Refusal(.authorizationPending, "the subscriber has not decided yet")
    case .tooSoon: throw Refusal(.slowDown, "wait longer: the interval has grown by five seconds")
    case .denied: throw Refusal(.accessDenied, "the subscriber did not agree")
    case .expired: throw Refusal(.expiredToken, "the auth_req_id has expired")
    case .unknown: throw .authReqIDNotGood("the auth_req_id is unknown")
    case .redeemedBefore: throw .authReqIDNotGood("the auth_req_id was redeemed before")
    }
  }
}

/// The authority of a granted backchannel request is what it asked for, and whom it was about.
enum BackchannelAuthority {
  static func examine(_ examination: Examination) -> Authority {
    let request = examination.backchannel
    return Authority(
      subject: request.subject, purpose: request.purpose, scopes: request.scopes, amr: request.amr,
      authenticatedAt: request.authenticatedAt, since: request.createdAt)
  }
}

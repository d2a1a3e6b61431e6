import Store

/// The grant behind the code still stands.
///
/// A grant that a parallel second use of the same code has just ended still gives the first use its answer: the token in it is
/// dead at the gateway, and that exactly one of many gets an answer does not depend on who was faster to the next line.
enum CodeGrant {
  static func examine(_ examination: Examination) throws(Refusal) -> GrantRecord {
    let id = examination.code.grant
    guard let grant = try orUnavailable("reading the grant", { try examination.dependencies.grants.grant(id) }) else {
      throw .codeNotGood("the grant of the code is gone")
    }
    guard grant.isActive(at: examination.now) || grant.endedReason == EndReason.codeReused else {
      throw .codeNotGood("the grant of the code has ended")
    }
    return grant
  }
}

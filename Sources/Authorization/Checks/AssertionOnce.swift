import Bytes

/// Each assertion is used once (`jti`, profile item 69, A9), remembered on disk until it expires: also across a restart, and of
/// many in parallel one wins. After the signature, so that nobody can use up another's identifiers.
enum AssertionOnce {
  static let identifierBytesMaximum = 256

  static func examine(_ examination: Examination) async throws(Refusal) {
    let asserted = examination.asserted
    guard let identifier = asserted.claims.identifier, (1...identifierBytesMaximum).contains(identifier.utf8.count),
      let expiry = asserted.claims.expiresAt
    else { throw Refusal(examination.assertionError, "jti of the assertion is missing, empty or too long") }
    let isFirst = try await orUnavailable("remembering the assertion") {
      try await examination.dependencies.assertions.useOnce(
        client: asserted.client.id, jti: identifier, expiresAt: Timestamp(seconds: expiry))
    }
    guard isFirst else { throw Refusal(examination.assertionError, "the assertion was used before") }
  }
}

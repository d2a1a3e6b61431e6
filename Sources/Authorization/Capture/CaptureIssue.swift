import Bytes
import Identifiers
import JOSE
import Ledger
import Store

/// What becomes of a client's wish for a capture URL.
public enum CaptureIssue: Sendable, Equatable {
  case issued(String)
  /// The client had as many as it may have about this subscriber and purpose.
  case tooOften
  /// Store or ledger failed: there is none.
  case failed
}

extension AuthorizationServer {
  /// Makes an address at which a subscriber, and nobody else, can agree to what a client asks for. Its entry is in the ledger before
  /// it is given out.
  ///
  /// - Parameter callbackURL: one that the client registered (`ClientRecord.isCallback`).
  public func issueCapture(
    client: ClientID, subject: SubjectPseudonym, purpose: Purpose, scopes: ScopeSet, callbackURL: String?
  ) async -> CaptureIssue {
    let now = dependencies.time.now()
    // 256 random bits; the store holds their digest, so that who reads the store can open nothing.
    let secret = Random.token(byteCount: 32)
    let record = CaptureRecord(
      digest: SHA256.digest(Array(secret.utf8)), client: client, subject: subject, purpose: purpose, scopes: scopes,
      callbackURL: callbackURL, createdAt: now, expiresAt: now.adding(seconds: Int64(settings.captureLifetimeSeconds)))
    let entry = LedgerEntry(
      event: "capture.issued", clientID: client.rawValue, subject: subject.rawValue, scopes: scopes.map(\.rawValue),
      purpose: purpose.rawValue, decision: "allowed", detail: [.init("expires_at", record.expiresAt.rfc3339)])
    do {
      guard
        try await dependencies.captures.insert(
          record, countMaximum: settings.capturesPerDayMaximum, since: now.adding(seconds: -86_400))
      else { return .tooOften }
      _ = try await dependencies.ledger.append(entry)
    } catch {
      // An address that nobody was given cannot be opened, but it would read as a question that waits.
      _ = try? await dependencies.captures.finish(digest: record.digest)
      return .failed
    }
    return .issued("\(settings.url(.consent))?capture=\(secret)")
  }

  /// The scopes about which a subscriber is being asked for a client and a purpose, and has not decided: at a capture URL that is
  /// still good, or by a backchannel request.
  public func openQuestions(subject: SubjectPseudonym, client: ClientID, purpose: Purpose) throws -> ScopeSet {
    let captured = try dependencies.captures.openScopes(subject: subject, client: client, purpose: purpose)
    return captured.union(try dependencies.backchannel.pendingScopes(subject: subject, client: client, purpose: purpose))
  }
}

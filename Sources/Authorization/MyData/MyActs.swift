import Consent
import Identifiers
import Policy
import Store

/// What a subscriber can do about an application and a purpose.
public enum MyAct: Sendable, Equatable {
  case withdraw(ConsentID)
  case withdrawAll
  case object(ClientID, Purpose)
  case takeBackObjection(ClientID, Purpose)
}

/// What became of it.
public enum MyActResult: Sendable, Equatable {
  case done
  /// It holds, but the ledger could not take the entry.
  case doneButNotRecorded
  /// There was nothing to do: it was done before, or there is no such thing of this subscriber's.
  case nothing
}

extension MyData {
  private static let reason = "my data page"

  /// Does what the subscriber of the session wants, to what is theirs. It holds for the next call on any connection.
  ///
  /// - Throws: `unavailable` when nothing, or not everything, was done.
  public func perform(_ act: MyAct, _ session: MySession) async throws(InteractionRefusal) -> MyActResult {
    guard let subject = session.subscriber?.pseudonym else { throw .unknown }
    switch act {
    case .withdraw(let id):
      let rows = try await orUnavailable { try await dependencies.consents.records(of: subject) }
      guard let row = rows.first(where: { $0.id == id }), isWithdrawable(row) else { return .nothing }
      return try await change { _ = try await dependencies.consents.revoke(row, actor: "subscriber", reason: Self.reason) }
    case .withdrawAll:
      let rows = try await orUnavailable { try await dependencies.consents.records(of: subject) }.filter(isWithdrawable)
      var result = MyActResult.nothing
      for row in rows {
        let one = try await change {
          _ = try await dependencies.consents.revoke(row, actor: "subscriber", reason: Self.reason)
        }
        result = result == .doneButNotRecorded ? result : one
      }
      return result
    case .object(let client, let purpose):
      guard try await record(subject, client, purpose, isObjected: false) else { return .nothing }
      return try await change {
        _ = try await dependencies.consents.object(
          subject: subject, client: client, purpose: purpose, actor: "subscriber", reason: Self.reason)
      }
    case .takeBackObjection(let client, let purpose):
      guard try await record(subject, client, purpose, isObjected: true) else { return .nothing }
      return try await change {
        _ = try await dependencies.consents.takeBackObjection(
          subject: subject, client: client, purpose: purpose, reason: Self.reason)
      }
    }
  }

  private func isWithdrawable(_ row: ConsentRow) -> Bool { row.isWithdrawable(at: dependencies.time.now()) }

  /// True when the client is known, the purpose is one of its own or has a record, and an objection is there or is not, as wanted.
  private func record(
    _ subject: SubjectPseudonym, _ client: ClientID, _ purpose: Purpose, isObjected: Bool
  ) async throws(InteractionRefusal) -> Bool {
    try await orUnavailable {
      let row = try await dependencies.consents.record(subject: subject, client: client, purpose: purpose)?.row
      if isObjected { return row?.objectedAt != nil }
      guard row?.objectedAt == nil, let known = try dependencies.clients.client(client) else { return false }
      return row != nil || known.purposes.contains(purpose)
    }
  }

  private func change(_ step: () async throws -> Void) async throws(InteractionRefusal) -> MyActResult {
    do {
      try await step()
      return .done
    } catch ConsentError.withdrawnButNotRecorded {
      return .doneButNotRecorded
    } catch { throw .unavailable }
  }
}

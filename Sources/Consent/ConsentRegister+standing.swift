import Bytes
import Identifiers
import Policy
import Store

/// How it stands with one scope, for an application that asks before it calls.
public enum ScopeStanding: Sendable, Equatable {
  /// The decision function permits it; until when, where it rests on a consent that ends.
  case valid(until: Timestamp?)
  /// It wants a consent, and the subscriber has never been asked for this one.
  case neverAsked
  /// Refused on a page that asked for it, or withdrawn.
  case denied
  /// There was a consent; it ran out.
  case expired(at: Timestamp?)
  /// The subscriber objected to what needs no consent.
  case objected
  /// Nobody can agree to it here.
  case impossible
}

extension ConsentRegister {
  /// How it stands with some scopes of APIs. Whether one is valid says the decision function alone, as for a grant; the record and
  /// its history say only why one is not.
  public func standing(
    subject: SubjectPseudonym, client: ClientID, purpose: Purpose, scopes: ScopeSet
  ) async throws -> [(Scope, ScopeStanding)] {
    let record = try await record(subject: subject, client: client, purpose: purpose)
    let events = try record.map { try self.events(of: $0.row) } ?? []
    let now = self.now
    return scopes.map { scope in
      var refusals: [(OperationPolicy, DecisionRefusal)] = []
      for operation in catalogue.operations(scope) {
        let decision = DecisionFunction.decide(
          operation: operation, scopes: scopes,
          basis: catalogue.legalBases.basis(api: operation.api, purpose: purpose, client: client), record: record,
          grantedAt: nil, now: now)
        switch decision {
        case .permitted(let permission):
          return (scope, .valid(until: permission.consent == nil ? nil : record?.row.expiresAt))
        case .refused(let refusal): refusals.append((operation, refusal))
        }
      }
      // Versions of one operation are refused for one reason. Where operations differ, the one that can still be agreed to says how it
      // stands: it opens the scope.
      let standings = refusals.map { Self.standing(scope, $0, $1, record?.row, events, catalogue, now) }
      let best = standings.first { $0 == .neverAsked } ?? standings.first { if case .expired = $0 { true } else { false } }
      return (scope, best ?? standings.first ?? .impossible)
    }
  }

  private static func standing(
    _ scope: Scope, _ operation: OperationPolicy, _ refusal: DecisionRefusal, _ row: ConsentRow?, _ events: [ConsentEventRow],
    _ catalogue: Catalogue, _ now: Timestamp
  ) -> ScopeStanding {
    switch refusal {
    case .purposeMissing: return .impossible
    case .objected: return .objected
    case .revoked: return .denied
    case .expired where row?.scopes.contains(scope) == true: return .expired(at: row?.expiresAt)
    // A consent master says that they said no, and not to which page.
    case .denied where events.isEmpty: return .denied
    case .noConsent, .denied, .expired, .scopeNotConsented, .categoryWithheld:
      return history(scope, operation, events, catalogue, now)
    }
  }

  /// What the last page that put this scope to the subscriber, with all that the operation needs, came to. One record covers all that
  /// a client asks for a purpose: that something else in it was refused says nothing of this scope.
  private static func history(
    _ scope: Scope, _ operation: OperationPolicy, _ events: [ConsentEventRow], _ catalogue: Catalogue, _ now: Timestamp
  ) -> ScopeStanding {
    let last = events.lastIndex { event in
      ["granted", "denied"].contains(event.kind) && event.legalBasis == LegalBasis.consent.rawValue
        && (event.shownScopes?.contains(scope) ?? true)
    }
    guard let last else { return .neverAsked }
    let answer = events[last]
    if let shown = answer.shownCategories, operation.requiredCategories & ~catalogue.mask(of: shown) != 0 { return .neverAsked }
    let wasEnded = events[last...].contains { $0.kind == "revoked" || $0.kind == "objected" }
    // Agreed to and run out, before something else was agreed to.
    if answer.kind == "granted", answer.scopes.contains(scope), !wasEnded, let end = answer.expiresAt, end <= now {
      return .expired(at: end)
    }
    return .denied
  }
}

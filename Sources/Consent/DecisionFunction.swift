import Bytes
import Identifiers
import Policy
import Store

/// The data categories that may be released. Only the decision function makes one, and the filter takes no other.
public struct ConsentedCategories: Sendable, Equatable {
  public let mask: FieldMask
  /// What the filter asks for: the same, or where single fields hang on more, the bits of the operation's conditions that hold.
  public let fields: FieldMask

  /// - Parameter scopes: of the token, as far as the subscriber agreed to them.
  fileprivate init(_ mask: FieldMask, _ operation: OperationPolicy, scopes: ScopeSet) {
    self.mask = mask
    fields = operation.conditions?.fields(allowed: mask, scopes: scopes) ?? mask
  }
}

/// Leave to do what was asked.
public struct Permission: Sendable, Equatable {
  public let categories: ConsentedCategories
  /// Nil when the operation is about nobody.
  public let basis: LegalBasis?
  /// The consent that it rests on, when it rests on one.
  public let consent: ConsentID?
}

/// Why it may not be done.
public enum DecisionRefusal: Sendable, Equatable {
  case purposeMissing
  case noConsent
  case denied
  case revoked
  case expired
  case objected
  /// There is a consent, but not for this scope.
  case scopeNotConsented
  /// There is a consent, but a category without which the answer would break its API was not agreed to.
  case categoryWithheld

  /// The ledger's word for it.
  public var reason: StaticString {
    switch self {
    case .purposeMissing: "purpose_missing"
    case .noConsent: "consent_missing"
    case .denied: "consent_denied"
    case .revoked: "consent_revoked"
    case .expired: "consent_expired"
    case .objected: "consent_objected"
    case .scopeNotConsented: "consent_scope_missing"
    case .categoryWithheld: "consent_category_withheld"
    }
  }
}

public enum Decision: Sendable, Equatable {
  case permitted(Permission)
  case refused(DecisionRefusal)

  public var isPermitted: Bool { if case .permitted = self { true } else { false } }
}

/// A consent as the decision function wants it: the record, with its categories as bits.
public struct ConsentRecord: Sendable {
  public let row: ConsentRow
  let mask: FieldMask

  init(_ row: ConsentRow, _ catalogue: Catalogue) {
    self.row = row
    mask = catalogue.mask(of: row.categories)
  }
}

/// The one decision function (DESIGN section 5). Pure: the same question has the same answer, on every path that leads to data.
public enum DecisionFunction {
  /// False where no record can change the decision, so that none has to be had.
  public static func asksForRecord(_ basis: LegalBasis) -> Bool {
    switch basis {
    case .consent, .legitimateInterest: true
    case .contract, .legalObligation, .vitalInterest, .publicInterest: false
    }
  }

  /// May this operation be called, for a purpose with this legal basis, about a subscriber with this record?
  ///
  /// - Parameters:
  ///   - scopes: of the token, or those that a token is asked for.
  ///   - basis: nil when no purpose is declared.
  ///   - record: of subscriber, client and purpose; nil when there is none.
  ///   - grantedAt: when the grant that the token or the request belongs to was made; nil when there is none yet, or when it is
  ///     about no subscriber. What was granted before a withdrawal does not live again by a later consent.
  ///   - needed: scopes that this very call needs beside those that open the operation: of each event that it asks for.
  ///   - now: expiry is by the clock, and no job has to run for it.
  public static func decide(
    operation: OperationPolicy, scopes: ScopeSet, basis: LegalBasis?, record: ConsentRecord?, grantedAt: Timestamp?,
    needed: [Scope] = [], now: Timestamp
  ) -> Decision {
    guard operation.personalData else {
      return .permitted(Permission(categories: offered(operation, scopes), basis: nil, consent: nil))
    }
    guard let basis else { return .refused(.purposeMissing) }
    switch basis {
    case .consent:
      return consented(operation, scopes, record, grantedAt, needed, now)
    case .legitimateInterest where record?.row.objectedAt != nil || record?.row.status == "objected":
      return .refused(.objected)
    // Who withdrew everything is not asked for less than who objected.
    case .legitimateInterest where record?.row.status == "revoked":
      return .refused(.revoked)
    case .legitimateInterest, .contract, .legalObligation, .vitalInterest, .publicInterest:
      return .permitted(Permission(categories: offered(operation, scopes), basis: basis, consent: nil))
    }
  }

  /// All that an operation can tell to a token with these scopes.
  private static func offered(_ operation: OperationPolicy, _ scopes: ScopeSet) -> ConsentedCategories {
    ConsentedCategories(
      operation.requiredCategories | operation.optionalCategories(openedBy: scopes), operation, scopes: scopes)
  }

  private static func consented(
    _ operation: OperationPolicy, _ scopes: ScopeSet, _ record: ConsentRecord?, _ grantedAt: Timestamp?, _ needed: [Scope],
    _ now: Timestamp
  ) -> Decision {
    guard let record else { return .refused(.noConsent) }
    switch record.row.status(at: now) {
    case "granted": break
    case "denied": return .refused(.denied)
    case "revoked": return .refused(.revoked)
    case "expired": return .refused(.expired)
    case "objected": return .refused(.objected)
    default: return .refused(.noConsent)
    }
    if let grantedAt, let withdrawnAt = record.row.withdrawnAt, grantedAt < withdrawnAt { return .refused(.revoked) }
    // The token's scopes and the subscriber's: neither alone is enough.
    guard operation.scopeAlternatives.contains(where: { $0.allSatisfy { scopes.contains($0) && record.row.scopes.contains($0) } })
    else { return .refused(.scopeNotConsented) }
    guard needed.allSatisfy(record.row.scopes.contains) else { return .refused(.scopeNotConsented) }
    let held = operation.conditions == nil && operation.subscription == nil ? [] : scopes.intersection(record.row.scopes)
    let offered = operation.requiredCategories | operation.optionalCategories(openedBy: held)
    let allowed = offered & record.mask
    guard operation.requiredCategories & ~allowed == 0, offered == 0 || allowed != 0 else { return .refused(.categoryWithheld) }
    return .permitted(
      Permission(
        categories: ConsentedCategories(allowed, operation, scopes: held), basis: .consent, consent: record.row.id))
  }
}

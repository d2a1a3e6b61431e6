import Bytes
import Identifiers

extension ConsentRow {
  /// The record after one more event: the rule by which the events of a consent add up. Pure.
  ///
  /// A decision replaces what its page showed and leaves the rest of a consent that still stands; of one that was denied,
  /// revoked, objected to or has run out nothing is left to keep.
  public static func adding(_ event: ConsentEventRow, to row: ConsentRow?) -> ConsentRow {
    var sum =
      row
      ?? ConsentRow(
        id: event.consent, subject: event.subject, client: event.client, purpose: event.purpose, scopes: [], categories: [],
        legalBasis: event.legalBasis, status: "pending", grantedAt: nil, expiresAt: nil, updatedAt: event.at)
    sum.updatedAt = event.at
    switch event.kind {
    case "granted" where event.legalBasis == "legitimate_interest": sum.takeBackObjection(event)
    case "granted", "denied": sum.decide(event)
    case "revoked": sum.end(event)
    case "objected":
      sum.end(event)
      sum.objectedAt = event.at
    case "expired": sum.status = event.kind
    default: break  // "requested": a question changes nothing
    }
    return sum
  }

  /// The sum of a whole history; nil of none.
  public static func sum(_ events: [ConsentEventRow]) -> ConsentRow? {
    events.reduce(nil) { row, event in adding(event, to: row) }
  }

  private mutating func end(_ event: ConsentEventRow) {
    status = event.kind
    withdrawnAt = max(withdrawnAt ?? event.at, event.at)
  }

  /// To agree to processing in one's interest is no consent to anything: nothing else of the record changes.
  private mutating func takeBackObjection(_ event: ConsentEventRow) {
    guard event.actor == "subscriber" else { return }
    objectedAt = nil
    if status == "objected" { status = "pending" }
  }

  private mutating func decide(_ event: ConsentEventRow) {
    legalBasis = event.legalBasis
    let stands = status(at: event.at) == "granted"
    let keptScopes = stands ? event.shownScopes.map { scopes.subtracting($0) } ?? [] : []
    let keptCategories = stands ? event.shownCategories.map { shown in categories.filter { !shown.contains($0) } } ?? [] : []
    let isGranted = event.kind == "granted"
    let granted = isGranted ? event.scopes : []

    scopes = keptScopes.union(granted)
    guard !scopes.isEmpty else {
      // A decision that leaves nothing is a denial, by whatever name it came; of a consent that stood, it is a withdrawal.
      if stands { withdrawnAt = max(withdrawnAt ?? event.at, event.at) }
      (categories, status, grantedAt, expiresAt) = ([], "denied", nil, nil)
      return
    }
    categories = Set(keptCategories + (isGranted ? event.categories : [])).sorted()
    status = "granted"
    guard isGranted else { return }  // a denial of a part: what is left keeps its times
    grantedAt = event.at
    // One record has one end. What stays of an older decision must not live longer by a newer one, so the earlier end holds.
    expiresAt = keptScopes.isEmpty ? event.expiresAt : Self.earlier(expiresAt, event.expiresAt)
  }

  private static func earlier(_ one: Timestamp?, _ other: Timestamp?) -> Timestamp? {
    guard let one, let other else { return one ?? other }
    return min(one, other)
  }
}

import Bytes
import Consent
import Gateway
import Identifiers
import Policy

/// The answer's `statusInfo`: scopes of one API with which it stands the same.
struct StatusInfo: Equatable {
  /// CAMARA's words for why processing is not permitted.
  enum Reason: String {
    case pending = "PENDING"
    case requested = "REQUESTED"
    case denied = "DENIED"
    case expired = "EXPIRED"
    case objected = "OBJECTED"
  }

  let api: APIName?
  private(set) var scopes: ScopeSet
  /// Nil: permitted.
  let reason: Reason?
  let expiresAt: Timestamp?

  /// The subscriber can be asked. Never again where they said no.
  var isAskable: Bool { [.pending, .requested, .expired].contains(reason) }

  /// In the order in which the scopes were asked for.
  ///
  /// - Parameter openQuestions: scopes about which the subscriber is being asked now.
  static func items(
    _ standings: [(Scope, ScopeStanding)], openQuestions: ScopeSet, catalogue: Catalogue
  ) -> [StatusInfo] {
    var items: [StatusInfo] = []
    for (scope, standing) in standings {
      let item = StatusInfo(
        scope, api: catalogue.operations(scope).first?.api, standing, isAsked: openQuestions.contains(scope))
      if let index = items.firstIndex(where: { $0.isLike(item) }) {
        items[index].scopes = items[index].scopes.union(item.scopes)
      } else {
        items.append(item)
      }
    }
    return items
  }

  private init(_ scope: Scope, api: APIName?, _ standing: ScopeStanding, isAsked: Bool) {
    self.api = api
    scopes = [scope]
    switch standing {
    case .valid(let until): (reason, expiresAt) = (nil, until)
    case .neverAsked: (reason, expiresAt) = (isAsked ? .requested : .pending, nil)
    // Asked anew after it ran out: that it ran out says more, and when.
    case .expired(let end): (reason, expiresAt) = (.expired, end)
    case .denied, .impossible: (reason, expiresAt) = (.denied, nil)
    case .objected: (reason, expiresAt) = (.objected, nil)
    }
  }

  private func isLike(_ other: StatusInfo) -> Bool {
    api == other.api && reason == other.reason && expiresAt == other.expiresAt
  }

  static func answer(_ items: [StatusInfo], _ purpose: Purpose, captureURL: String?) -> LocalAnswer {
    var json = JSONWriter()
    json.beginObject()
    json.key("statusInfo")
    json.beginArray()
    for item in items {
      json.beginObject()
      json.field("scopes", item.scopes.map(\.rawValue))
      json.field("purpose", purpose.rawValue)
      json.field("statusValidForProcessing", item.reason == nil)
      if let reason = item.reason { json.field("statusReason", reason.rawValue) }
      if let expiresAt = item.expiresAt { json.field("expirationDate", expiresAt.rfc3339) }
      json.endObject()
    }
    json.endArray()
    if let captureURL { json.field("captureUrl", captureURL) }
    json.endObject()
    return LocalAnswer(status: 200, body: json.bytes)
  }
}

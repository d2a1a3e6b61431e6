import Bytes
import Identifiers

/// Why personal data may be processed (GDPR article 6). Only `consent` asks the subscriber.
public enum LegalBasis: String, Sendable, CaseIterable {
  case consent
  case contract
  case legitimateInterest = "legitimate_interest"
  case legalObligation = "legal_obligation"
  case vitalInterest = "vital_interest"
  case publicInterest = "public_interest"
}

/// Which legal basis holds for an API, a purpose and a client: the rule that says most about them; consent where none does.
public struct LegalBases: Sendable {
  private struct Rule: Sendable {
    var api: APIName?
    var purpose: Purpose?
    var client: ClientID?
    var basis: LegalBasis

    /// A rule for one client says more than one for a purpose, and that more than one for an API.
    var weight: Int { (client != nil ? 4 : 0) + (purpose != nil ? 2 : 0) + (api != nil ? 1 : 0) }

    func holds(_ api: APIName, _ purpose: Purpose, _ client: ClientID) -> Bool {
      (self.api == nil || self.api == api) && (self.purpose == nil || self.purpose == purpose)
        && (self.client == nil || self.client == client)
    }
  }

  /// Heaviest first.
  private let rules: [Rule]
  private let fallback: LegalBasis

  public func basis(api: APIName, purpose: Purpose, client: ClientID) -> LegalBasis {
    rules.first { $0.holds(api, purpose, client) }?.basis ?? fallback
  }

  /// Reads `{"default": "consent", "rules": [{"api": ..., "purpose": ..., "client_id": ..., "basis": ...}]}`.
  ///
  /// - Throws: `DocumentError` for an unknown basis and for two rules about the same, of which nobody could say which holds.
  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    fallback = try Self.basis(reader.required("default"))
    var rules: [Rule] = []
    for element in try reader.optionalArray("rules") ?? [] {
      let rule = try Self.rule(element)
      guard !rules.contains(where: { $0.api == rule.api && $0.purpose == rule.purpose && $0.client == rule.client }) else {
        throw element.error("two rules are about the same API, purpose and client")
      }
      rules.append(rule)
    }
    try reader.finish()
    self.rules = rules.sorted { $0.weight > $1.weight }
  }

  private static func rule(_ value: JSONValue) throws(DocumentError) -> Rule {
    var reader = try ObjectReader(value)
    let api = try identifier(&reader, "api", APIName.self)
    let purpose = try identifier(&reader, "purpose", Purpose.self)
    let client = try identifier(&reader, "client_id", ClientID.self)
    let basis = try basis(reader.required("basis"))
    try reader.finish()
    return Rule(api: api, purpose: purpose, client: client, basis: basis)
  }

  private static func identifier<ID: StringIdentifier>(
    _ reader: inout ObjectReader, _ key: String, _ type: ID.Type
  ) throws(DocumentError) -> ID? {
    guard let text = try reader.optionalString(key) else { return nil }
    guard let id = ID(rawValue: text) else { throw reader.error("\"\(key)\" is malformed") }
    return id
  }

  private static func basis(_ value: JSONValue) throws(DocumentError) -> LegalBasis {
    guard let text = value.string, let basis = LegalBasis(rawValue: text) else {
      throw value.error("a legal basis is one of \(LegalBasis.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return basis
  }
}

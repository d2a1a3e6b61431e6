import Bytes
import Identifiers
import JOSE

extension ClientRecord {
  /// Reads a registration as `clients add` and the admin API take it and as the store keeps it.
  /// - Throws: `DocumentError` that names file, line and what is wrong: a key that nobody knows, a redirect URI that could be
  ///   abused, a key that is no public key, a purpose for 2-legged use that is not among the purposes.
  public init(json: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(json)
    func value(_ key: String) -> JSONValue { json[key] ?? json }

    guard let id = ClientID(rawValue: try reader.string("client_id")) else {
      throw value("client_id").error("client_id must be 1 to 128 visible ASCII characters")
    }
    let name = try reader.string("client_name")
    guard (1...200).contains(name.utf8.count), name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else {
      throw value("client_name").error("client_name must be 1 to 200 bytes without control characters")
    }
    let clientURI = try Self.webAddress("client_uri", &reader, json)
    let logoURI = try Self.webAddress("logo_uri", &reader, json)

    let grantTypes = try reader.strings("grant_types")
    for grantType in grantTypes where !Self.knownGrantTypes.contains(grantType) {
      throw value("grant_types").error(
        "unknown grant type \"\(grantType)\"; known are \(Self.knownGrantTypes.joined(separator: ", "))")
    }
    guard !grantTypes.isEmpty else { throw value("grant_types").error("grant_types must name at least one grant type") }

    let redirectURIs = try Self.addresses("redirect_uri", &reader, json)
    let callbackURIs = try Self.addresses("callback_uri", &reader, json)
    guard !grantTypes.contains("authorization_code") || !redirectURIs.isEmpty else {
      throw json.error("grant type authorization_code needs at least one of redirect_uris")
    }

    guard let scopes = ScopeSet(parsing: try reader.string("scope")), scopes.purposes.isEmpty else {
      throw value("scope").error("scope must be scopes separated by single spaces; purposes belong into \"purposes\"")
    }
    let purposes = try Self.purposes("purposes", &reader, json)
    let twoLegged = try Self.purposes("two_legged_purposes", &reader, json)
    for purpose in twoLegged where !purposes.contains(purpose) {
      throw value("two_legged_purposes").error("\(purpose) is not among the client's purposes")
    }
    // RFC 7591 §2; the only method that this server has, and so the only one that a registration may name.
    if let method = try reader.optionalString("token_endpoint_auth_method"), method != "private_key_jwt" {
      throw value("token_endpoint_auth_method").error("token_endpoint_auth_method must be private_key_jwt")
    }
    let jwksURI = try reader.optionalString("jwks_uri")
    if let jwksURI, let fault = RedirectURI.webFault(in: jwksURI) { throw value("jwks_uri").error("jwks_uri \(fault)") }
    let jwks = try Self.keys(&reader, json, isRequired: jwksURI == nil)
    guard jwksURI == nil || jwks.isEmpty else {
      throw value("jwks_uri").error("jwks and jwks_uri stand for one another: give one")
    }
    guard let proofKey = ProofKey(rawValue: try reader.optionalString("pkce") ?? "required") else {
      throw value("pkce").error("pkce must be \"required\" or \"optional\"")
    }
    let languages = try reader.optionalStrings("languages") ?? []
    for language in languages where !Self.isLanguageTag(language) {
      throw value("languages").error("languages must be tags such as \"en\" or \"fr-CA\"")
    }
    self.init(
      id: id, name: name, clientURI: clientURI, logoURI: logoURI, redirectURIs: redirectURIs, grantTypes: grantTypes,
      scopes: scopes, purposes: purposes, jwks: jwks, proofKey: proofKey,
      accessTokenLifetimeSeconds: try reader.optionalInteger(
        "access_token_lifetime_seconds", in: Self.accessTokenLifetimeSecondsRange) ?? Self.accessTokenLifetimeSecondsDefault,
      dpopBoundAccessTokens: try reader.boolean("dpop_bound_access_tokens", default: false), twoLeggedPurposes: twoLegged,
      requestsPerMinute: try reader.optionalInteger("requests_per_minute", in: 1...10_000_000),
      quotaPerDay: try reader.optionalInteger("quota_per_day", in: 0...1_000_000_000_000),
      quotaPerMonth: try reader.optionalInteger("quota_per_month", in: 0...1_000_000_000_000),
      languages: languages, isEnabled: try reader.boolean("enabled", default: true))
    self.callbackURIs = callbackURIs
    self.jwksURI = jwksURI
    refreshTokenLifetimeSeconds =
      try reader.optionalInteger("refresh_token_lifetime_seconds", in: Self.refreshTokenLifetimeSecondsRange)
      ?? Self.refreshTokenLifetimeSecondsDefault
    grantTypeRules = try Self.rules(&reader)
    isTrustedWithNumbers = try reader.boolean("jwt_bearer_tel", default: false)
    if let name = try reader.optionalString("id_token_signed_response_alg") {
      guard let algorithm = SignatureAlgorithm(rawValue: name), KeyRing.idTokenAlgorithms.contains(algorithm) else {
        throw value("id_token_signed_response_alg").error("id_token_signed_response_alg must be \"ES256\" or \"RS256\"")
      }
      idTokenAlgorithm = algorithm
    }
    certificateBoundAccessTokens = try reader.boolean("tls_client_certificate_bound_access_tokens", default: false)
    introspectsAllTokens = try reader.boolean("introspects_all_tokens", default: false)
    eventSinks = try Self.sinks(&reader, json)
    guard let proof = EventSinkProof(rawValue: try reader.optionalString("event_sink_proof") ?? "handshake") else {
      throw value("event_sink_proof").error("event_sink_proof must be \"handshake\" or \"registered\"")
    }
    eventSinkProof = proof
    eventTokenEndpoint = try Self.tokenEndpoint(&reader, json)
    plans = try reader.value("plans").map { value throws(DocumentError) in try PlanAssignment.list(value) } ?? []
    try reader.finish()
  }

  /// The registration as JSON, in the names that `init(json:)` reads. What does not apply is absent.
  public func json(includingEnabled: Bool = true) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("client_id", id.rawValue)
    writer.field("client_name", name)
    if let clientURI { writer.field("client_uri", clientURI) }
    if let logoURI { writer.field("logo_uri", logoURI) }
    writer.field("redirect_uris", redirectURIs)
    if !callbackURIs.isEmpty { writer.field("callback_uris", callbackURIs) }
    writer.field("grant_types", grantTypes)
    writer.field("scope", scopes.description)
    writer.field("purposes", purposes.map(\.rawValue))
    writer.field("token_endpoint_auth_method", "private_key_jwt")
    if let jwksURI {
      writer.field("jwks_uri", jwksURI)
    } else {
      writer.key("jwks")
      writer.raw(jwks)
    }
    writer.field("pkce", proofKey.rawValue)
    writer.field("access_token_lifetime_seconds", accessTokenLifetimeSeconds)
    writer.field("refresh_token_lifetime_seconds", refreshTokenLifetimeSeconds)
    writer.field("dpop_bound_access_tokens", dpopBoundAccessTokens)
    writer.field("tls_client_certificate_bound_access_tokens", certificateBoundAccessTokens)
    writer.field("two_legged_purposes", twoLeggedPurposes.map(\.rawValue))
    writer.key("grant_type_rules")
    writer.beginArray()
    for rule in grantTypeRules { Self.write(rule, to: &writer) }
    writer.endArray()
    writer.field("jwt_bearer_tel", isTrustedWithNumbers)
    writer.field("introspects_all_tokens", introspectsAllTokens)
    if !eventSinks.isEmpty { writer.field("event_sinks", eventSinks) }
    writer.field("event_sink_proof", eventSinkProof.rawValue)
    if let eventTokenEndpoint {
      writer.field("event_token_uri", eventTokenEndpoint.tokenURI)
      writer.field("event_token_client_id", eventTokenEndpoint.clientID)
    }
    writer.field("id_token_signed_response_alg", idTokenAlgorithm.rawValue)
    if let requestsPerMinute { writer.field("requests_per_minute", requestsPerMinute) }
    if let quotaPerDay { writer.field("quota_per_day", quotaPerDay) }
    if let quotaPerMonth { writer.field("quota_per_month", quotaPerMonth) }
    writer.field("languages", languages)
    if !plans.isEmpty {
      writer.key("plans")
      writer.beginArray()
      for plan in plans { plan.write(to: &writer) }
      writer.endArray()
    }
    if includingEnabled { writer.field("enabled", isEnabled) }
    writer.endObject()
    return writer.bytes
  }

  /// A list of addresses to which browsers may be sent, under `name` with an "s".
  private static func addresses(
    _ name: String, _ reader: inout ObjectReader, _ json: JSONValue
  ) throws(DocumentError) -> [String] {
    let key = name + "s"
    let value = json[key] ?? json
    let addresses = try reader.optionalStrings(key) ?? []
    guard addresses.count <= redirectURIsMaximum else { throw value.error("more than \(redirectURIsMaximum) \(key)") }
    for (index, address) in addresses.enumerated() {
      if let fault = RedirectURI.fault(in: address) { throw (value.array?[index] ?? json).error("\(name) \(fault)") }
    }
    return addresses
  }

  private static func sinks(_ reader: inout ObjectReader, _ json: JSONValue) throws(DocumentError) -> [String] {
    let value = json["event_sinks"] ?? json
    let sinks = try reader.optionalStrings("event_sinks") ?? []
    guard sinks.count <= eventSinksMaximum else { throw value.error("more than \(eventSinksMaximum) event_sinks") }
    for (index, sink) in sinks.enumerated() {
      if let fault = RedirectURI.webFault(in: sink) { throw (value.array?[index] ?? json).error("event_sinks \(fault)") }
    }
    return sinks
  }

  private static func tokenEndpoint(
    _ reader: inout ObjectReader, _ json: JSONValue
  ) throws(DocumentError) -> EventTokenEndpoint? {
    let address = try webAddress("event_token_uri", &reader, json)
    let client = try reader.optionalString("event_token_client_id")
    guard let address, let client else {
      guard address == nil, client == nil else {
        throw (json["event_token_uri"] ?? json["event_token_client_id"] ?? json).error(
          "event_token_uri and event_token_client_id go together")
      }
      return nil
    }
    guard (1...256).contains(client.utf8.count) else {
      throw (json["event_token_client_id"] ?? json).error("event_token_client_id must be 1 to 256 bytes")
    }
    return EventTokenEndpoint(tokenURI: address, clientID: client)
  }

  private static func webAddress(
    _ key: String, _ reader: inout ObjectReader, _ json: JSONValue
  ) throws(DocumentError) -> String? {
    guard let text = try reader.optionalString(key) else { return nil }
    if let fault = RedirectURI.webFault(in: text) { throw (json[key] ?? json).error("\(key) \(fault)") }
    return text
  }

  private static func purposes(
    _ key: String, _ reader: inout ObjectReader, _ json: JSONValue
  ) throws(DocumentError) -> [Purpose] {
    var purposes: [Purpose] = []
    for text in try reader.optionalStrings(key) ?? [] {
      guard let purpose = Purpose(rawValue: text) else {
        throw (json[key] ?? json).error("\(key) must be purposes such as \"dpv:FraudPreventionAndDetection\"")
      }
      if !purposes.contains(purpose) { purposes.append(purpose) }
    }
    return purposes
  }

  private static func rules(_ reader: inout ObjectReader) throws(DocumentError) -> [GrantTypeRule] {
    var rules: [GrantTypeRule] = []
    for element in try reader.optionalArray("grant_type_rules") ?? [] {
      guard rules.count < grantTypeRulesMaximum else {
        throw element.error("more than \(grantTypeRulesMaximum) grant_type_rules")
      }
      var inner = try ObjectReader(element)
      var rule = GrantTypeRule(grantTypes: try inner.strings("grant_types"))
      if let text = try inner.optionalString("purpose") {
        guard let purpose = Purpose(rawValue: text) else { throw element.error("purpose wants the form dpv:Value") }
        rule.purpose = purpose
      }
      if let text = try inner.optionalString("scope") {
        guard let scope = Scope(rawValue: text), !scope.isPurpose else { throw element.error("scope wants one scope of an API") }
        rule.scope = scope
      }
      for grantType in rule.grantTypes where !knownGrantTypes.contains(grantType) {
        throw element.error("unknown grant type \"\(grantType)\"")
      }
      try inner.finish()
      rules.append(rule)
    }
    return rules
  }

  private static func write(_ rule: GrantTypeRule, to writer: inout JSONWriter) {
    writer.beginObject()
    if let purpose = rule.purpose { writer.field("purpose", purpose.rawValue) }
    if let scope = rule.scope { writer.field("scope", scope.rawValue) }
    writer.field("grant_types", rule.grantTypes)
    writer.endObject()
  }

  private static func keys(
    _ reader: inout ObjectReader, _ json: JSONValue, isRequired: Bool
  ) throws(DocumentError) -> [UInt8] {
    guard let value = reader.value("jwks") else {
      guard isRequired else { return [] }
      throw json.error("jwks is missing: the client's public keys, or jwks_uri, where they are")
    }
    do {
      _ = try JWKSet(json: value)
    } catch {
      throw value.error("jwks: \(error)")
    }
    return value.strictJSON()  // a registration file may have comments; what is kept has none
  }

  /// The shape of RFC 5646 §2.1: letters and digits in parts of 1 to 8, joined by hyphens.
  private static func isLanguageTag(_ text: String) -> Bool {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    return parts.count <= 4
      && parts.allSatisfy { part in
        (1...8).contains(part.utf8.count)
          && part.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
      }
  }
}

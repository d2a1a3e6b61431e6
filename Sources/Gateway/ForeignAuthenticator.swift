import Bytes
import Identifiers
import JOSE
import Policy
import Store
import Synchronization

/// Stage 5 for a token of a trusted issuer: verified by its keys or its own word, then read as if it were ours.
///
/// May have to ask another server, so the call waits; what was found is remembered by the loop like any token. Any thread.
struct ForeignAuthenticator: Sendable {
  let clients: any ClientStore
  let subjects: any SubjectStore
  let catalogue: Catalogue
  let outstanding = OutstandingQuestions()

  /// - Throws: 401 for a token that is not good, 503 when its issuer cannot be asked.
  func run(_ token: ForeignToken, now: Timestamp) async throws(APIError) -> AccessTokenParts {
    guard outstanding.begin() else { throw APIError(.unavailable, "issuer_overloaded") }
    defer { outstanding.end() }
    let root = try await verifiedClaims(token)
    guard let claims = claims(root, token, now) else { throw APIError(.unauthenticated, "token_claims") }
    guard now < claims.expiresAt else { throw APIError(.unauthenticated, "token_expired") }
    if let notBefore = claims.notBefore, notBefore > now.adding(seconds: Authenticator.skewSeconds) {
      throw APIError(.unauthenticated, "token_not_yet_valid")
    }
    return AccessTokenParts(claims: claims, grant: try await grant(root, claims, token, now))
  }

  private func verifiedClaims(_ token: ForeignToken) async throws(APIError) -> JSONValue {
    switch token.issuer.verification {
    case .keys(let keys): try await signedClaims(token, keys)
    case .introspection(let ask): try await introspectedClaims(token, ask)
    }
  }

  private func signedClaims(_ token: ForeignToken, _ keys: RemoteKeySet) async throws(APIError) -> JSONValue {
    let jws: CompactJWS
    do { jws = try CompactJWS(parsing: token.text.span) } catch { throw APIError(.unauthenticated, "token_not_verified") }
    guard let key = await keys.key(kid: jws.header.kid, algorithm: jws.header.algorithm) else {
      // Nothing is known of the issuer's keys: the token may be good.
      guard keys.state.keyCount > 0 else { throw APIError(.unavailable, "issuer_keys_unknown") }
      throw APIError(.unauthenticated, "token_not_verified")
    }
    guard let verified = try? jws.verified(by: { _ in key }) else { throw APIError(.unauthenticated, "token_not_verified") }
    guard let type = verified.header.typ?.lowercased(), token.issuer.types.contains(type) else {
      throw APIError(.unauthenticated, "token_type")
    }
    guard let root = try? JSONDocument(verified.payload).root, root["iss"]?.string == token.issuer.issuer else {
      throw APIError(.unauthenticated, "token_issuer")
    }
    guard Self.audiences(root).contains(token.issuer.audience) else { throw APIError(.unauthenticated, "token_audience") }
    return root
  }

  private func introspectedClaims(
    _ token: ForeignToken, _ ask: @Sendable (String) async throws -> [UInt8]
  ) async throws(APIError) -> JSONValue {
    let answer: [UInt8]
    do { answer = try await ask(String(decoding: token.text, as: UTF8.self)) } catch {
      throw APIError(.unavailable, "issuer_does_not_answer")
    }
    guard let root = try? JSONDocument(answer).root, let isActive = root["active"]?.boolean else {
      throw APIError(.unavailable, "issuer_answer_malformed")
    }
    guard isActive else { throw APIError(.unauthenticated, "token_not_active") }
    guard root["iss"].map({ $0.string == token.issuer.issuer }) ?? true else {
      throw APIError(.unauthenticated, "token_issuer")
    }
    // A server that answers about all its tokens must say for whom this one is (RFC 7662 §2.2, A7).
    guard Self.audiences(root).contains(token.issuer.audience) else { throw APIError(.unauthenticated, "token_audience") }
    return root
  }

  private static func audiences(_ root: JSONValue) -> [String] {
    root["aud"]?.string.map { [$0] } ?? root["aud"]?.array?.compactMap(\.string) ?? []
  }

  /// Nil when a claim that must be there is not, or has another form.
  private func claims(_ root: JSONValue, _ token: ForeignToken, _ now: Timestamp) -> AccessToken.Claims? {
    let (issuer, names) = (token.issuer, token.issuer.claims)
    guard let name = root[names.client]?.string, let client = issuer.clients[name] ?? ClientID(rawValue: name),
      let scopes = Self.scopes(root[names.scope]), scopes.purposes.count <= 1
    else { return nil }
    let stated = root[names.purpose].map { $0.string.flatMap { Purpose(rawValue: $0) ?? Purpose(rawValue: "dpv:" + $0) } }
    if case .some(.none) = stated { return nil }
    let among = scopes.purposes.first.flatMap(Purpose.init)
    // Said twice, it has to be the same.
    if let stated, let stated, let among, stated != among { return nil }
    guard scopes.purposes.isEmpty || among != nil else { return nil }
    guard let confirmation = TokenConfirmation(root["cnf"]) else { return nil }
    var expiresAt = root["exp"]?.integer.map { Timestamp(seconds: Int64($0)) }
    if issuer.isIntrospecting {
      let latest = now.adding(seconds: Int64(issuer.introspectedSeconds))
      expiresAt = min(expiresAt ?? latest, latest)
    }
    guard let expiresAt, let grant = GrantID(rawValue: "issuer-" + token.digest.hex.prefix(32)) else { return nil }
    return AccessToken.Claims(
      client: client, grant: grant, scopes: scopes, purpose: (stated ?? nil) ?? among, expiresAt: expiresAt,
      notBefore: root["nbf"]?.integer.map { Timestamp(seconds: Int64($0)) }, confirmation: confirmation)
  }

  private static func scopes(_ value: JSONValue?) -> ScopeSet? {
    if let list = value?.array {
      guard let names = list.map(\.string) as? [String] else { return nil }
      return ScopeSet(parsing: names.joined(separator: " "))
    }
    return value?.string.flatMap { ScopeSet(parsing: $0) }
  }

  /// What stands in the place of a grant of ours: whom the issuer names, and since when.
  private func grant(
    _ root: JSONValue, _ claims: AccessToken.Claims, _ token: ForeignToken, _ now: Timestamp
  ) async throws(APIError) -> GrantRecord {
    var subject: SubjectPseudonym?
    if let name = token.issuer.claims.subscriber, let value = root[name] {
      guard let number = value.string.flatMap({ MSISDN(e164: $0) ?? MSISDN(tel: $0) }) else {
        throw APIError(.unauthenticated, "token_subscriber")
      }
      do { subject = try await subjects.findOrCreate(number) } catch { throw APIError(.unavailable, "subject_store_failed") }
    }
    return GrantRecord(
      id: claims.grant, client: claims.client, subject: subject, purpose: claims.purpose, scopes: claims.scopes,
      flow: "trusted_issuer", amr: root["amr"]?.array?.compactMap(\.string) ?? [],
      authenticatedAt: root["auth_time"]?.integer.map { Timestamp(seconds: Int64($0)) },
      createdAt: Self.created(root, now), expiresAt: claims.expiresAt)
  }
}

extension ForeignAuthenticator {
  /// The end of the second that `iat` names: a token that was issued just after a withdrawal is not taken for one from before it.
  private static func created(_ root: JSONValue, _ now: Timestamp) -> Timestamp {
    guard let seconds = root["iat"]?.integer else { return now }
    return min(now, Timestamp(microseconds: Int64(seconds) * 1_000_000 + 999_999))
  }
}

/// What a token of a trusted issuer comes down to, on its way back to its loop.
struct AccessTokenParts: Sendable {
  let claims: AccessToken.Claims
  let grant: GrantRecord
}

/// How many questions to other servers are under way: forged tokens must not become a flood of somebody else's door.
final class OutstandingQuestions: Sendable {
  static let maximum = 64
  private let count = Atomic<Int>(0)

  func begin() -> Bool {
    guard count.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue <= Self.maximum else {
      end()
      return false
    }
    return true
  }

  func end() { count.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
}

import Bytes
import Identifiers
import JOSE
import Policy
import Store
import Wire

/// Stage 5: whose call it is, from the access token (RFC 6750, RFC 9068 §4), and whether it came as it must: a token that is
/// bound to a key under the scheme `DPoP` (RFC 9449 §7), any other as a bearer token.
///
/// Whatever is wrong, the answer is 401 `UNAUTHENTICATED`; the reason goes to the ledger alone. A verified token is remembered
/// by a fingerprint; that its client is still enabled and its grant not ended is asked on every call.
///
/// A class, because a call that took a copy would count a dozen references up and down.
final class Authenticator: Sendable {
  let keys: KeyRing
  let issuer: String
  let audience: String
  let clients: any ClientStore
  let grants: any GrantStore
  let catalogue: Catalogue
  let dpop: DPoPSettings.Mode
  let trustedIssuers: [TrustedIssuer]
  let generation: Int
  let tokensTrustedSince: Int

  init(settings: GatewaySettings, dependencies: GatewayDependencies) {
    keys = dependencies.keys
    issuer = settings.issuer
    audience = settings.audience
    clients = dependencies.clients
    grants = dependencies.grants
    catalogue = dependencies.catalogue
    dpop = settings.dpop.mode
    trustedIssuers = settings.trustedIssuers
    generation = settings.generation
    tokensTrustedSince = settings.tokensTrustedSince
  }

  /// Seconds by which the clocks of issuer and gateway may differ when a token says "not before".
  static let skewSeconds: Int64 = 5

  /// A token that is known now, or one that somebody else has to be asked about.
  enum Authentication {
    case known(AccessToken)
    case foreign(ForeignToken)
  }

  func run(_ exchange: Exchange, _ memory: inout TokenMemory, now: Timestamp) throws(APIError) -> Authentication {
    let value = try Credentials.value(exchange)
    guard let scheme = Credentials.scheme(value), scheme == .bearer || dpop != .off else {
      throw APIError(.unauthenticated, "scheme_not_bearer")
    }
    let authentication = try accessToken(Credentials.token(value, scheme), &memory, now)
    if case .known(let token) = authentication { try checkBinding(token, scheme, exchange) }
    return authentication
  }

  /// Takes in what was found out about a foreign token, on the loop whose memory it is.
  func admit(
    _ parts: AccessTokenParts, _ foreign: ForeignToken, _ memory: inout TokenMemory
  ) throws(APIError) {
    let generation = clients.generation
    let client = try enabledClient(parts.claims.client)
    memory.remember(
      AccessToken(
        claims: parts.claims, grant: parts.grant, client: client, clientGeneration: generation, grantHash: 0, grantStamp: 0,
        isForeign: true, opened: catalogue.operations(openedBy: parts.claims.scopes), generation: self.generation),
      memory.fingerprint(foreign.text.span))
  }

  private func accessToken(_ text: Span<UInt8>, _ memory: inout TokenMemory, _ now: Timestamp) throws(APIError)
    -> Authentication
  {
    let fingerprint = memory.fingerprint(text)
    if let known = memory.token(fingerprint), known.verifiedIn >= tokensTrustedSince {
      do throws(APIError) {
        try stillStands(known, now)
        return .known(known)
      } catch {
        memory.forget(fingerprint)
        // What its issuer said of it holds for a while only, and is asked for again.
        guard known.isForeign else { throw error }
      }
    }
    if let foreign = ForeignToken(text, among: trustedIssuers) { return .foreign(foreign) }
    let token = try verify(text, now)
    memory.remember(token, fingerprint)
    return .known(token)
  }

  /// RFC 9449 §7.2: a stolen bound token is of no use as a bearer token (A46), and one that is not bound proves nothing.
  private func checkBinding(_ token: AccessToken, _ scheme: Credentials.Scheme, _ exchange: Exchange) throws(APIError) {
    try checkCertificate(token, exchange)
    let isBound = token.claims.keyThumbprint != nil
    guard scheme == .bearer else {
      guard isBound else { throw APIError(.unauthenticated, "token_not_bound") }
      return
    }
    guard !isBound else { throw APIError(.unauthenticated, "bound_token_as_bearer") }
    guard dpop != .required, dpop == .off || !token.client.dpopBoundAccessTokens else {
      throw APIError(.unauthenticated, "token_not_bound")
    }
  }

  /// RFC 8705 §3: the certificate was shown in the handshake of this very connection, and of each connection on which the token comes.
  private func checkCertificate(_ token: AccessToken, _ exchange: Exchange) throws(APIError) {
    guard let thumbprint = token.claims.confirmation.certificateThumbprint else {
      guard !token.client.certificateBoundAccessTokens else { throw APIError(.unauthenticated, "token_not_bound") }
      return
    }
    guard let shown = exchange.clientCertificate else { throw APIError(.unauthenticated, "certificate_missing") }
    guard shown == thumbprint else { throw APIError(.unauthenticated, "certificate_other") }
  }

  /// A remembered token: its time, its client and its grant, as they are now (A24).
  private func stillStands(_ token: AccessToken, _ now: Timestamp) throws(APIError) {
    if token.generation != generation {
      token.renew(opened: catalogue.operations(openedBy: token.claims.scopes), generation: generation)
    }
    guard now < token.claims.expiresAt else { throw APIError(.unauthenticated, "token_expired") }
    let generation = clients.generation
    if generation != token.clientGeneration {
      token.client = try enabledClient(token.claims.client)
      token.clientGeneration = generation
    }
    guard !token.isForeign else { return }
    let stamp = grants.changes.stamp(token.grantHash)
    if stamp != token.grantStamp {
      token.grant = try liveGrant(token.claims)
      token.grantStamp = stamp
    }
  }

  private func verify(_ text: Span<UInt8>, _ now: Timestamp) throws(APIError) -> AccessToken {
    let claims = try verifiedClaims(text)
    guard now < claims.expiresAt else { throw APIError(.unauthenticated, "token_expired") }
    if let notBefore = claims.notBefore, notBefore > now.adding(seconds: Self.skewSeconds) {
      throw APIError(.unauthenticated, "token_not_yet_valid")
    }
    // Generation and stamp are read before the records: a change in between is then seen at the next call.
    let generation = clients.generation
    let grantHash = ChangeBoard.hash(claims.grant.rawValue)
    let stamp = grants.changes.stamp(grantHash)
    let client = try enabledClient(claims.client)
    let grant = try liveGrant(claims)
    return AccessToken(
      claims: claims, grant: grant, client: client, clientGeneration: generation, grantHash: grantHash,
      grantStamp: stamp, opened: catalogue.operations(openedBy: claims.scopes), generation: self.generation)
  }

  private func enabledClient(_ id: ClientID) throws(APIError) -> ClientRecord {
    let record: ClientRecord?
    do { record = try clients.client(id) } catch { throw APIError(.unavailable, "client_store_failed") }
    guard let record, record.isEnabled else { throw APIError(.unauthenticated, "client_disabled") }
    return record
  }

  private func liveGrant(_ claims: AccessToken.Claims) throws(APIError) -> GrantRecord {
    let record: GrantRecord?
    do { record = try grants.grant(claims.grant) } catch { throw APIError(.unavailable, "grant_store_failed") }
    guard let record, record.client == claims.client, record.endedAt == nil else {
      throw APIError(.unauthenticated, "grant_ended")
    }
    return record
  }

  /// Signature, type, issuer and audience.
  private func verifiedClaims(_ text: Span<UInt8>) throws(APIError) -> AccessToken.Claims {
    let verified: VerifiedJWS
    do {
      verified = try CompactJWS(parsing: text).verified { header in header.kid.flatMap { keys.verificationKey(kid: $0) } }
    } catch { throw APIError(.unauthenticated, "token_not_verified") }
    // RFC 9068 §2.1 and §4: the type keeps ID tokens and other JWTs of the same issuer out (A7).
    guard let type = verified.header.typ?.lowercased(), type == "at+jwt" || type == "application/at+jwt" else {
      throw APIError(.unauthenticated, "token_type")
    }
    guard let root = try? JSONDocument(verified.payload).root, root["iss"]?.string == issuer else {
      throw APIError(.unauthenticated, "token_issuer")
    }
    let audiences = root["aud"]?.string.map { [$0] } ?? root["aud"]?.array?.compactMap(\.string) ?? []
    guard audiences.contains(audience) else { throw APIError(.unauthenticated, "token_audience") }
    guard let claims = Self.claims(root) else { throw APIError(.unauthenticated, "token_claims") }
    return claims
  }

  private static func claims(_ root: JSONValue) -> AccessToken.Claims? {
    guard let client = root["client_id"]?.string.flatMap(ClientID.init(rawValue:)),
      let grant = root["grant_id"]?.string.flatMap(GrantID.init(rawValue:)),
      let scopes = root["scope"]?.string.flatMap({ ScopeSet(parsing: $0) }),
      let expires = root["exp"]?.integer
    else { return nil }
    let purpose = root["purpose"].map { $0.string.flatMap(Purpose.init(rawValue:)) }
    if case .some(.none) = purpose { return nil }
    guard let confirmation = TokenConfirmation(root["cnf"]) else { return nil }
    return AccessToken.Claims(
      client: client, grant: grant, scopes: scopes, purpose: purpose ?? nil, expiresAt: Timestamp(seconds: Int64(expires)),
      notBefore: root["nbf"]?.integer.map { Timestamp(seconds: Int64($0)) }, confirmation: confirmation)
  }
}

import Bytes
import Identifiers
import JOSE
import Policy
import Store

/// An access token whose signature, issuer, audience and times were found right, with its grant and its client.
///
/// Only `Authenticator` makes one. What it holds are claims and the two records behind them; each call asks again whether
/// the records still stand. Confined to the loop that verified it.
final class AccessToken {
  /// The claims that the gateway reads (RFC 9068 §2.2).
  struct Claims: Equatable {
    var client: ClientID
    var grant: GrantID
    var scopes: ScopeSet
    var purpose: Purpose?
    var expiresAt: Timestamp
    var notBefore: Timestamp?
    /// What the token is bound to; nothing for a bearer token.
    var confirmation = TokenConfirmation.none

    /// The key to which the token is bound (RFC 9449 §6.1); nil for none.
    var keyThumbprint: String? { confirmation.keyThumbprint }
  }

  let claims: Claims
  /// The grant, renewed when the change board says that one of its shard changed.
  var grant: GrantRecord
  /// The client's registration, renewed when any registration changes.
  var client: ClientRecord
  /// `ClientStore.generation` at which `client` was read.
  var clientGeneration: UInt64
  /// The stamp of the grant on the change board when it was read.
  var grantStamp: UInt64
  /// The place of the grant on the change board.
  let grantHash: UInt64
  /// Issued elsewhere: there is no grant of ours that could end.
  let isForeign: Bool
  /// The operations that the token's scopes open, by their dense index: a function of the scope claim and the catalogue.
  private(set) var opened: OperationSet
  /// `GatewaySettings.generation` of the handler whose catalogue that is.
  private(set) var generation: Int
  /// The same of the handler that verified the token.
  let verifiedIn: Int
  /// The key of the last proof that came with the token, so that it is read once.
  var proofKey: DPoPKey?
  /// The subscriber's number, read when a call first needs it, and again when somebody's was erased.
  var number: MSISDN?
  /// `SubjectStore.erasures` from before `number` was read.
  var numberErasures: UInt64 = 0
  /// The buckets of this client on this loop, by operation; index 0 is the client's own.
  var buckets: [RateBucket?] = []
  var bucketsGeneration: UInt64 = .max
  var quota: QuotaCounters.ClientCounters?
  /// The ledger's number for the client's calls, by the meter's place of the operation.
  var usageSlots: [UInt32?] = []
  /// Where this client's calls are counted on this loop, by the meter's place of the operation, which never changes.
  var meterRows: [CallRow?] = []
  /// What the client has under way on this loop.
  var load: ClientLoad?
  /// `"client_id":"…","scopes":[…],"purpose":"…","grant_id":"…"`, written once, for the ledger: the grant leads to the entry of the
  /// token.
  let ledgerMembers: [UInt8]

  init(
    claims: Claims, grant: GrantRecord, client: ClientRecord, clientGeneration: UInt64, grantHash: UInt64,
    grantStamp: UInt64, isForeign: Bool = false, opened: OperationSet, generation: Int = 0
  ) {
    self.claims = claims
    self.grant = grant
    self.client = client
    self.clientGeneration = clientGeneration
    self.grantHash = grantHash
    self.grantStamp = grantStamp
    self.isForeign = isForeign
    self.opened = opened
    self.generation = generation
    verifiedIn = generation
    var entry = LedgerMembers()
    entry.client(claims.client)
    entry.scopes(claims.scopes)
    if let purpose = claims.purpose { entry.purpose(purpose) }
    if !isForeign { entry.text("grant_id", claims.grant.rawValue) }
    ledgerMembers = entry.bytes
  }

  /// Other policies hold: what followed from those before is worked out anew, and buckets are looked up again.
  func renew(opened: OperationSet, generation: Int) {
    self.opened = opened
    self.generation = generation
    bucketsGeneration = .max
  }

  /// The subscriber of a 3-legged token; nil for a 2-legged one.
  var subject: SubjectPseudonym? { grant.subject }
}

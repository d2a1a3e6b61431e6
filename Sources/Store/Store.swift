/// What Passerelle keeps on disk beside its ledger: clients, subscribers' pseudonyms, consents, grants, codes, refresh
/// tokens, used assertions, pushed and backchannel requests, waiting interactions, one-time codes, capture URLs, what a consent
/// master has to learn, whose the resources are that calls made, subscriptions and their events, and usage, in one SQLite file.
///
/// Each table has one file in `Tables/`: a protocol (so that another database can stand in), its SQLite implementation, and
/// every statement that touches the table. What the stores take and give back is in `Records/`. `SQLite/` holds the little
/// there is between them and the C library: `Database` (one writer with group commit, pooled readers), `Connection`,
/// `Statement`, migrations and sweeping.
///
/// The hot path does not come here: it reads memories that `ChangeBoard` keeps honest, and only a miss reads the store.
///
/// Begin with `SQLite/Database.swift`, then read `Tables/Codes.swift` for how a store is written.

import Bytes
import Identifiers
import JOSE

/// All stores over one database, as a process needs them.
public struct Stores: Sendable {
  public let database: Database
  public let subjects: any SubjectStore
  public let clients: any ClientStore
  public let grants: any GrantStore
  public let codes: any CodeStore
  public let assertions: any AssertionMemory
  public let interactions: any InteractionStore
  public let consents: any ConsentStore
  public let consentOutbox: any ConsentOutboxStore
  public let usage: any UsageStore
  public let pushedRequests: any PushedRequestStore
  public let backchannel: any BackchannelStore
  public let refreshTokens: any RefreshTokenStore
  public let oneTimeCodes: any OneTimeCodeStore
  public let captures: any CaptureStore
  public let resources: any ResourceStore
  public let subscriptions: any SubscriptionStore
  public let events: any EventQueue

  /// - Parameters:
  ///   - lookup: the key under which a subscriber's number is looked up without being stored.
  ///   - sealing: the key that seals what must be readable again: numbers, interactions, sinks and events.
  ///   - hasConsentMaster: each change of a consent is put into the outbox for it.
  public init(database: Database, lookup: HMACKey, sealing: SealingKey, hasConsentMaster: Bool = false) {
    self.database = database
    subjects = SQLiteSubjectStore(database: database, lookup: lookup, sealing: sealing)
    clients = SQLiteClientStore(database: database)
    grants = SQLiteGrantStore(database: database)
    codes = SQLiteCodeStore(database: database)
    assertions = SQLiteAssertionMemory(database: database)
    interactions = SQLiteInteractionStore(database: database, sealing: sealing)
    consents = SQLiteConsentStore(database: database, hasMaster: hasConsentMaster)
    consentOutbox = SQLiteConsentOutboxStore(database: database)
    usage = SQLiteUsageStore(database: database)
    pushedRequests = SQLitePushedRequestStore(database: database, sealing: sealing)
    backchannel = SQLiteBackchannelStore(database: database)
    refreshTokens = SQLiteRefreshTokenStore(database: database)
    oneTimeCodes = SQLiteOneTimeCodeStore(database: database, lookup: lookup, sealing: sealing)
    captures = SQLiteCaptureStore(database: database)
    resources = SQLiteResourceStore(database: database)
    subscriptions = SQLiteSubscriptionStore(database: database, sealing: sealing)
    events = SQLiteEventQueue(database: database, sealing: sealing)
  }
}

import Accounting
import Authorization
import Bytes
import JOSE
import Ledger
import Pages
import Wire

/// What `passerelle serve` is told: one JSON file (comments and trailing commas allowed), every key documented in
/// `deploy/passerelle.example.json`. A key that is not known is refused with file, line and the nearest known key.
///
/// Relative paths are relative to the folder of the file.
struct Configuration: Sendable {
  /// The issuer (RFC 8414 §2): the URL under which the outside reaches this server, without a slash at the end.
  var issuer: String
  /// The audience of access tokens; the issuer unless said otherwise.
  var audience: String
  var listen: Listen
  /// Nil: clients with certificates come to `listen`, if it asks for any.
  var mutualTLS: MutualTLS?
  var admin: Admin
  /// Folder of database and ledger.
  var data: String
  var keys: String
  /// Days after which the gateway lets the next signing key sign; 0 never.
  var signingKeyDays: Int
  var policies: String
  /// Event loops, each a thread; 0 is one per processor.
  var loops: Int
  /// Where the calls of an API go, by the API's name; `*` is for all that are not named.
  var upstreams: [String: Upstream]
  var recognition: Recognition
  var backchannel: Backchannel
  var outbound: Outbound
  /// Other authorization servers whose access tokens are accepted at the gateway.
  var trustedIssuers: [TrustedIssuer]
  var consent: Consent
  var events: Events
  /// A folder with the applications' logos; nil shows none.
  var logos: String?
  var dpop: DPoPSettings
  var ledger: Ledger
  var limits: Limits
  var metrics: Metrics
  var overload: Admission.Settings
  /// Nil: nothing is traced.
  var tracing: Tracing?
  var log: Log
  /// Plans, and which clients have them; without the policies' prices.
  var billing: PlanBook
  /// Seconds that calls have to end when the gateway is told to stop.
  var drainSeconds: Int
  /// What `/apis` shows.
  var publication = PublicationSettings()
  /// The file, its SHA-256 in hexadecimal, and each of its members as strict JSON.
  var source = Source()

  struct Source: Sendable {
    var file = ""
    var digest = ""
    var members: [String: [UInt8]] = [:]
  }

  /// A listening address.
  struct Listen: Sendable {
    var host = "127.0.0.1"
    var port = 8080
    var connectionsMaximum = 20_000
    var bodyBytesMaximum = 1 << 20
    var headSecondsMaximum = 10
    var bodySecondsMaximum = 30
    var idleSecondsMaximum = 75
    var bytesPerSecondMinimum = 240
    /// Nil for plain TCP.
    var tls: TLSServerSettings?
  }

  /// The admin listener; on loopback unless configured (A42).
  struct Admin: Sendable {
    var host = "127.0.0.1"
    var port = 8081
    /// A file (0600) with the bearer token of the admin API; made when it is not there.
    var tokenFile: String
    /// Nil for plain TCP.
    var tls: TLSServerSettings?
  }

  /// Requests of the gateway's own to other servers.
  struct Outbound: Sendable {
    /// Authorities beside the system's, in PEM.
    var caFile: String?
    /// Where an address that a client gave may lead although it is not public.
    var allowedRanges: [AddressRange] = []
  }

  struct Consent: Sendable {
    /// How long a consent holds.
    var lifetimeDays = 365
    /// How long a capture URL may be opened.
    var captureMinutes = 10
    /// Capture URLs that a client may get in 24 hours about one subscriber and purpose.
    var capturesPerDay = 3
    /// The register that the operator has already, and that decides.
    var master: ConsentMaster?
  }

  struct ConsentMaster: Sendable, Equatable {
    var address: WebAddress
    /// A file (0600) with the bearer token that is shown to it; nil shows none.
    var bearerTokenFile: String?
    /// Authorities for its certificate beside the system's; nil: those of `outbound`.
    var caFile: String?
    /// A file (0600) with the bearer token that it shows when it tells us of changes; nil: it cannot.
    var pushTokenFile: String?
    var timeoutMilliseconds = 1000
    var requestsMaximum = 64
    var rememberedSeconds = 10
    var overdueSeconds = 0
  }

  struct Ledger: Sendable, Equatable {
    /// Whether answers wait for their entry to be on disk, to be written, or not at all.
    var durability = LedgerOptions.Durability.durable
    var segmentBytesMaximum = 256 << 20
    var segmentSecondsMaximum = 86_400
    var seals = Seals()
    /// Sealed segments whose entries are all older are removed; nil keeps everything.
    var retentionDays: Int?
    var streams: [Stream] = []
  }

  /// Where the ledger's seals are taken.
  struct Seals: Sendable, Equatable {
    var directory: String?
    var address: WebAddress?
    var bearerTokenFile: String?

    /// - Throws: one line, when the file cannot be used.
    func bearerToken() throws -> String? {
      try bearerTokenFile.map { try OutboundServices.token($0, key: "ledger.seals.bearerTokenFile") }
    }
  }

  struct Limits: Sendable {
    /// Verified tokens remembered, per loop.
    var tokensRemembered = 50_000
    /// Consent records remembered, per loop.
    var consentsRemembered = 50_000
    /// Refusals of calls without a good token that one source address (IPv6: a network of 64 bits) may have in the ledger a
    /// minute; beyond it they are counted together. 0: no limit.
    var unauthenticatedPerMinute = 600
    /// Sessions, payments, subscriptions and their like that one client may have at a time.
    var resourcesPerClient = 1_000_000
  }
}

import Administration
import Authorization
import Bytes
import Gateway
import Identifiers
import Ledger
import Pages
import Policy
import Store
import Wire

extension Backbone {
  /// The authorization server and the pages on which it asks people.
  func authorizationServer(simulatedSubscribers: [SimulatedSIM]) -> (server: AuthorizationServer, site: Site) {
    let errorPages = ErrorPages()
    let server = AuthorizationServer(
      settings: authorizationSettings,
      dependencies: AuthorizationDependencies(
        catalogue: catalogue, clients: stores.clients, grants: stores.grants, codes: stores.codes, assertions: stores.assertions,
        interactions: stores.interactions, subjects: stores.subjects, consents: consents, ledger: ledger, keys: keys, time: time,
        recognition: recognition, simulatedSubscribers: simulatedSubscribers, pages: errorPages))
    let settings = PageSettings(hasStartPage: !simulatedSubscribers.isEmpty)
    return (server, Site(server: server, catalogue: catalogue, settings: settings))
  }

  /// The adapters that recognise a subscriber, in the order in which they are asked.
  private var recognition: [any SubscriberRecognition] {
    guard let header = configuration.recognition.enrichmentHeader else { return [] }
    return [HeaderEnrichment(header: header, trustedProxies: configuration.recognition.trustedProxies)]
  }

  private var authorizationSettings: AuthorizationSettings {
    var settings = AuthorizationSettings(issuer: configuration.issuer)
    settings.audience = configuration.audience
    settings.consentLifetimeSeconds = consentLifetimeSeconds
    return settings
  }

  private var consentLifetimeSeconds: Int64 { Int64(configuration.consent.lifetimeDays) * 86_400 }

  func adminAPI() -> AdminAPI {
    AdminAPI(
      AdminDependencies(
        catalogue: catalogue, keys: keys, stores: stores, consents: consents, ledger: ledger, usage: usage,
        tokens: TokenIssuer(settings: authorizationSettings, keys: keys, time: time), time: time,
        consentLifetimeSeconds: consentLifetimeSeconds))
  }

  /// Counts what the ledger holds first: what is billed and what quotas count is exact before the first call.
  ///
  /// - Throws: when ledger or store cannot be read; a quota that cannot be known is not a free one.
  func gatewayDependencies() throws -> GatewayDependencies {
    _ = try usage.advance()
    return GatewayDependencies(
      catalogue: catalogue, keys: keys, clients: stores.clients, grants: stores.grants, subjects: stores.subjects,
      consents: consents, ledger: ledger, time: time, quotaUsed: try stores.usage.quotaCounts(at: time.now()))
  }
}

extension Configuration {
  var gatewaySettings: GatewaySettings {
    let url = PlainURL(issuer)
    var settings = GatewaySettings(
      issuer: issuer, audience: audience, host: String(issuer.drop { $0 != "/" }.dropFirst(2)),
      isSecure: url?.scheme == "https",
      upstreams: upstreams.mapValues {
        GatewaySettings.Upstream(
          target: UpstreamTarget(host: $0.host, port: $0.port), timeoutMilliseconds: $0.timeoutMilliseconds,
          connectionsMaximum: $0.connectionsMaximum)
      })
    settings.tokensRemembered = limits.tokensRemembered
    settings.consentsRemembered = limits.consentsRemembered
    settings.unauthenticatedPerMinute = limits.unauthenticatedPerMinute
    return settings
  }

  var ledgerOptions: LedgerOptions {
    var options = LedgerOptions()
    options.durability = ledger.isDurable ? .durable : .relaxed
    options.segmentBytesMaximum = ledger.segmentBytesMaximum
    return options
  }
}

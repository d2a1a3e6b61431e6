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
  ///
  /// - Parameter loop: does the work of requests to the operator's own servers.
  func authorizationServer(simulatedSubscribers: [SimulatedSIM], loop: EventLoop) throws -> (
    server: AuthorizationServer, site: Site
  ) {
    let errorPages = ErrorPages()
    let phone = simulatedSubscribers.isEmpty ? nil : SimulatedPhone()
    let services = try OutboundServices(configuration, loop: loop)
    let server = AuthorizationServer(
      settings: authorizationSettings,
      dependencies: AuthorizationDependencies(
        catalogue: catalogue, stores: stores, consents: consents, ledger: ledger, keys: keys, time: time,
        recognition: recognition(services), simulatedSubscribers: simulatedSubscribers, oneTimeCodes: oneTimeCodes(services),
        channel: phone ?? webhookChannel(services), pages: errorPages))
    let settings = PageSettings(hasStartPage: !simulatedSubscribers.isEmpty)
    return (server, Site(server: server, catalogue: catalogue, settings: settings, phone: phone))
  }

  private var authorizationSettings: AuthorizationSettings {
    var settings = AuthorizationSettings(issuer: configuration.issuer)
    settings.audience = configuration.audience
    settings.consentLifetimeSeconds = consentLifetimeSeconds
    settings.dpop = configuration.dpop
    settings.backchannelIntervalSeconds = configuration.backchannel.intervalSeconds
    settings.backchannelLifetimeSeconds = configuration.backchannel.lifetimeSeconds
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

  var gatewayDependencies: GatewayDependencies {
    GatewayDependencies(
      catalogue: catalogue, keys: keys, clients: stores.clients, grants: stores.grants, subjects: stores.subjects,
      consents: consents, ledger: ledger, time: time,
      quotaUsed: { [usage, stores] client, now in
        // Entries that the projection has not seen yet would be calls for free.
        _ = try usage.advance()
        let counts = try stores.usage.quotaCounts(client: client, at: now)
        return (counts.day, counts.month)
      })
  }
}

extension Configuration {
  var gatewaySettings: GatewaySettings {
    var settings = GatewaySettings(
      issuer: issuer, audience: audience, host: String(issuer.drop { $0 != "/" }.dropFirst(2)),
      isSecure: WebAddress(issuer)?.isSecure == true,
      upstreams: upstreams.mapValues {
        GatewaySettings.Upstream(
          target: UpstreamTarget(host: $0.host, port: $0.port), timeoutMilliseconds: $0.timeoutMilliseconds,
          connectionsMaximum: $0.connectionsMaximum)
      })
    settings.tokensRemembered = limits.tokensRemembered
    settings.consentsRemembered = limits.consentsRemembered
    settings.dpop = dpop
    return settings
  }

  var ledgerOptions: LedgerOptions {
    var options = LedgerOptions()
    options.durability = ledger.isDurable ? .durable : .relaxed
    options.segmentBytesMaximum = ledger.segmentBytesMaximum
    return options
  }
}

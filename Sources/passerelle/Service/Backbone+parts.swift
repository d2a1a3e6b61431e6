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
  func authorizationServer(simulatedSubscribers: [SimulatedSIM], outbound: Outbound) -> (server: AuthorizationServer, site: Site)
  {
    let errorPages = ErrorPages()
    let phone = simulatedSubscribers.isEmpty ? nil : SimulatedPhone()
    let server = AuthorizationServer(
      settings: authorizationSettings,
      dependencies: AuthorizationDependencies(
        catalogue: catalogue, stores: stores, consents: consents, ledger: ledger, keys: keys, time: time,
        recognition: recognition, simulatedSubscribers: simulatedSubscribers, channel: phone,
        fetchKeySet: { try await outbound.keySet($0) }, pages: errorPages))
    let settings = PageSettings(hasStartPage: !simulatedSubscribers.isEmpty)
    return (server, Site(server: server, catalogue: catalogue, settings: settings, phone: phone))
  }

  /// The adapters that recognise a subscriber, in the order in which they are asked.
  private var recognition: [any SubscriberRecognition] {
    var adapters: [any SubscriberRecognition] = []
    if let header = configuration.recognition.enrichmentHeader {
      adapters.append(HeaderEnrichment(header: header, trustedProxies: configuration.recognition.trustedProxies))
    }
    adapters.append(NamedNumbers())
    return adapters
  }

  private var authorizationSettings: AuthorizationSettings {
    var settings = AuthorizationSettings(issuer: configuration.issuer)
    settings.audience = configuration.audience
    settings.consentLifetimeSeconds = consentLifetimeSeconds
    settings.dpop = configuration.dpop
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

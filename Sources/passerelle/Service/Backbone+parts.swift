import Administration
import Authorization
import Bytes
import ConsentInfo
import Gateway
import Identifiers
import Ledger
import Pages
import Policy
import Store
import Telemetry
import Wire

extension RuledBackbone {
  /// The authorization server and the pages on which it asks people.
  ///
  /// - Parameters:
  ///   - web: asks the operator's servers.
  ///   - before: the server whose place it takes; it goes on with what that one knows of clients' keys.
  func authorizationServer(
    simulatedSubscribers: [SimulatedSIM], phone: SimulatedPhone?, outbound: Outbound, web: WebClient,
    succeeding before: AuthorizationServer?
  ) throws -> (server: AuthorizationServer, site: Site) {
    let errorPages = ErrorPages()
    let services = try OutboundServices(configuration, web)
    var dependencies = AuthorizationDependencies(
      catalogue: catalogue, stores: stores, consents: consents, ledger: ledger, keys: keys, time: time,
      recognition: recognition(services), simulatedSubscribers: simulatedSubscribers, oneTimeCodes: oneTimeCodes(services),
      channel: phone ?? webhookChannel(services), fetchKeySet: { try await outbound.keySet($0) }, pages: errorPages)
    dependencies.meter = backbone.meters.tokens
    let server = AuthorizationServer(settings: authorizationSettings, dependencies: dependencies, succeeding: before)
    var settings = PageSettings(hasStartPage: !simulatedSubscribers.isEmpty, logos: try configuration.readLogos())
    settings.publication = configuration.publication
    let upstreams = Set(configuration.upstreams.keys)
    settings.publication.isServed = { api in
      upstreams.contains("*") || upstreams.contains(api.name.rawValue) || api.operations.contains(where: \.isServedHere)
    }
    return (server, Site(server: server, catalogue: catalogue, settings: settings, phone: phone))
  }

  private var authorizationSettings: AuthorizationSettings {
    var settings = AuthorizationSettings(issuer: configuration.issuer)
    settings.audience = configuration.audience
    settings.consentLifetimeSeconds = consentLifetimeSeconds
    settings.captureLifetimeSeconds = configuration.consent.captureMinutes * 60
    settings.capturesPerDayMaximum = configuration.consent.capturesPerDay
    settings.dpop = configuration.dpop
    settings.bindsToCertificates = configuration.asksForCertificates
    settings.mutualTLSURL = configuration.mutualTLS?.url
    settings.backchannelIntervalSeconds = configuration.backchannel.intervalSeconds
    settings.backchannelLifetimeSeconds = configuration.backchannel.lifetimeSeconds
    return settings
  }

  private var consentLifetimeSeconds: Int64 { Int64(configuration.consent.lifetimeDays) * 86_400 }

  /// What the admin API works with; of a running gateway there is more.
  var adminDependencies: AdminDependencies {
    var dependencies = AdminDependencies(
      catalogue: catalogue, keys: keys, stores: stores, consents: consents, ledger: ledger, usage: backbone.usage,
      tokens: TokenIssuer(settings: authorizationSettings, keys: keys, time: time), time: time,
      consentLifetimeSeconds: consentLifetimeSeconds, plans: ruleset.plans, retention: backbone.retention)
    if let consentMaster = backbone.consentMaster { dependencies.consentMaster = { try consentMaster.state() } }
    return dependencies
  }

  /// - Parameters:
  ///   - server: behind what Passerelle answers itself.
  ///   - quotaUsed: what the ledger has counted; a gateway that takes the place of another goes on with that one's counters.
  func gatewayDependencies(_ server: AuthorizationServer, quotaUsed: [ClientID: QuotaCounts]) -> GatewayDependencies {
    var dependencies = GatewayDependencies(
      catalogue: catalogue, keys: keys, clients: stores.clients, grants: stores.grants, subjects: stores.subjects,
      consents: consents, resources: stores.resources, ledger: ledger, time: time, quotaUsed: quotaUsed)
    dependencies.notice = { Log.process.note($0) }
    dependencies.meter = backbone.meters.calls
    dependencies.localOperations = ConsentInfo.operations(ConsentInfo(catalogue: catalogue, consents: consents, server: server))
    return dependencies
  }
}

extension Configuration {
  /// The applications' logos.
  ///
  /// - Throws: one line that names the configuration's key, and the file that is none.
  func readLogos() throws -> Logos {
    guard let logos else { return Logos() }
    do {
      let names = try Files.names(in: logos)
      let files = try names.map { (name: $0, bytes: try Files.read(logos + "/" + $0, bytesMaximum: Logos.bytesMaximum + 1)) }
      do { return try Logos(files) } catch { throw CommandFailure("\(logos): \(error)") }
    } catch let failure as CommandFailure { throw failure.of("logos") }
  }

  /// A client can show a certificate somewhere.
  var asksForCertificates: Bool { mutualTLS != nil || listen.tls?.clientCertificates != nil }

  /// - Parameter contexts: of backends, those of before among them: who is spoken to as before keeps its connections.
  /// - Throws: one line, when a file for TLS to a backend cannot be used.
  func makeGatewaySettings(contexts: UpstreamContexts = UpstreamContexts()) throws -> GatewaySettings {
    var settings = GatewaySettings(
      issuer: issuer, audience: audience, host: String(issuer.drop { $0 != "/" }.dropFirst(2)),
      isSecure: WebAddress(issuer)?.isSecure == true,
      upstreams: try upstreams.mapValues { try $0.makeSettings(contexts) })
    settings.tokensRemembered = limits.tokensRemembered
    settings.consentsRemembered = limits.consentsRemembered
    settings.dpop = dpop
    settings.unauthenticatedPerMinute = limits.unauthenticatedPerMinute
    settings.resourcesPerClientMaximum = limits.resourcesPerClient
    return settings
  }

  var ledgerOptions: LedgerOptions {
    var options = LedgerOptions()
    options.durability = ledger.durability
    options.segmentBytesMaximum = ledger.segmentBytesMaximum
    options.segmentSecondsMaximum = ledger.segmentSecondsMaximum
    return options
  }
}

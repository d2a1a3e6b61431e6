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
import Wire

extension Backbone {
  /// The authorization server and the pages on which it asks people.
  func authorizationServer(simulatedSubscribers: [SimulatedSIM], outbound: Outbound) throws -> (
    server: AuthorizationServer, site: Site
  ) {
    let errorPages = ErrorPages()
    let phone = simulatedSubscribers.isEmpty ? nil : SimulatedPhone()
    let services = try OutboundServices(configuration, outbound)
    let server = AuthorizationServer(
      settings: authorizationSettings,
      dependencies: AuthorizationDependencies(
        catalogue: catalogue, stores: stores, consents: consents, ledger: ledger, keys: keys, time: time,
        recognition: recognition(services), simulatedSubscribers: simulatedSubscribers, oneTimeCodes: oneTimeCodes(services),
        channel: phone ?? webhookChannel(services), fetchKeySet: { try await outbound.keySet($0) }, pages: errorPages))
    let settings = PageSettings(hasStartPage: !simulatedSubscribers.isEmpty, logos: try configuration.readLogos())
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

  /// - Parameter certificates: of the listeners; nil where none runs.
  func adminAPI(certificates: (any CertificateControl)? = nil) -> AdminAPI {
    var dependencies = AdminDependencies(
      catalogue: catalogue, keys: keys, stores: stores, consents: consents, ledger: ledger, usage: usage,
      tokens: TokenIssuer(settings: authorizationSettings, keys: keys, time: time), time: time,
      consentLifetimeSeconds: consentLifetimeSeconds, plans: plans, retention: retention)
    dependencies.certificates = certificates
    if let consentMaster { dependencies.consentMaster = { try consentMaster.state() } }
    return AdminAPI(dependencies)
  }

  /// Counts what the ledger holds first: what is billed and what quotas count is exact before the first call.
  ///
  /// - Throws: when ledger or store cannot be read; a quota that cannot be known is not a free one.
  ///
  /// - Parameter server: behind what Passerelle answers itself.
  func gatewayDependencies(_ server: AuthorizationServer) throws -> GatewayDependencies {
    _ = try usage.advance()
    var dependencies = GatewayDependencies(
      catalogue: catalogue, keys: keys, clients: stores.clients, grants: stores.grants, subjects: stores.subjects,
      consents: consents, ledger: ledger, time: time, quotaUsed: try stores.usage.quotaCounts(at: time.now()))
    dependencies.notice = { Output.error($0) }
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

  /// - Throws: one line, when a file for TLS to a backend cannot be used.
  func makeGatewaySettings() throws -> GatewaySettings {
    var settings = GatewaySettings(
      issuer: issuer, audience: audience, host: String(issuer.drop { $0 != "/" }.dropFirst(2)),
      isSecure: WebAddress(issuer)?.isSecure == true,
      upstreams: try upstreams.mapValues { upstream in
        GatewaySettings.Upstream(
          target: try upstream.makeTarget(), timeoutMilliseconds: upstream.timeoutMilliseconds,
          connectionsMaximum: upstream.connectionsMaximum)
      })
    settings.tokensRemembered = limits.tokensRemembered
    settings.consentsRemembered = limits.consentsRemembered
    settings.dpop = dpop
    settings.unauthenticatedPerMinute = limits.unauthenticatedPerMinute
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

extension Configuration.Upstream {
  fileprivate func makeTarget() throws -> UpstreamTarget {
    guard let tls else { return UpstreamTarget(host: host, port: port) }
    return UpstreamTarget(host: host, port: port, tls: try tls.context())
  }
}

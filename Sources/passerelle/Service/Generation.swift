import Administration
import Authorization
import Gateway
import Identifiers
import JOSE
import Pages
import Store
import Telemetry
import Wire

/// All of a gateway that follows from one ruleset. Immutable: a reload makes the next generation beside it, and then lets new exchanges
/// go there (`FrontDoor`). One that is left lives until the last of its calls has ended.
final class Generation: Sendable {
  /// From 1, one higher at each reload.
  let number: Int
  let ruleset: Ruleset
  let authorization: AuthorizationServer
  let site: Site
  let gateway: GatewayHandler
  let admin: AdminDependencies
  fileprivate let contexts: UpstreamContexts
  fileprivate let keySets: Kept<WebAddress, RemoteKeySet>

  fileprivate init(
    number: Int, ruleset: Ruleset, authorization: AuthorizationServer, site: Site, gateway: GatewayHandler,
    admin: AdminDependencies, contexts: UpstreamContexts, keySets: Kept<WebAddress, RemoteKeySet>
  ) {
    self.number = number
    self.ruleset = ruleset
    self.authorization = authorization
    self.site = site
    self.gateway = gateway
    self.admin = admin
    self.contexts = contexts
    self.keySets = keySets
  }

  var configuration: Configuration { ruleset.configuration }
}

/// Makes generations over one backbone, each the successor of the one before.
struct GenerationMaker: Sendable {
  let backbone: Backbone
  let events: EventLink
  let outbound: Outbound
  let simulatedSubscribers: [SimulatedSIM]
  /// The demo's; nil outside it.
  let phone: SimulatedPhone?
  let loops: [EventLoop]
  /// Nil: nothing is traced.
  let tracing: Tracing?

  /// The first one. Counts what the ledger holds before: what is billed and what quotas count is exact before the first call.
  ///
  /// - Throws: one line that says what is wrong; when ledger or store cannot be read too, for a quota that cannot be known is not a free
  ///   one.
  func first() throws -> Generation {
    _ = try backbone.usage.advance()
    return try make(backbone.ruleset, outbound.web, trustsTokens: false, after: nil)
  }

  /// One that takes the place of another; until then nothing of it is seen.
  ///
  /// - Parameters:
  ///   - web: asks the operator's servers.
  ///   - trustsTokens: false lets tokens be verified anew that were verified before.
  func next(_ ruleset: Ruleset, _ web: WebClient, trustsTokens: Bool, after before: Generation) throws -> Generation {
    try make(ruleset, web, trustsTokens: trustsTokens, after: before)
  }

  private func make(
    _ ruleset: Ruleset, _ web: WebClient, trustsTokens: Bool, after before: Generation?
  ) throws -> Generation {
    let (ruled, configuration) = (backbone.under(ruleset), ruleset.configuration)
    let number = (before?.number ?? 0) + 1
    let (contexts, keySets) = (UpstreamContexts(succeeding: before?.contexts), Kept(succeeding: before?.keySets))
    let (server, site) = try ruled.authorizationServer(
      simulatedSubscribers: simulatedSubscribers, phone: phone, outbound: outbound, web: web, succeeding: before?.authorization)
    try configuration.checkUpstreams(ruleset.catalogue)
    var settings = try configuration.makeGatewaySettings(contexts: contexts)
    settings.trustedIssuers = try configuration.trustedIssuers.map { try $0.made(outbound, backbone.time, keySets) }
    settings.generation = number
    settings.tokensTrustedSince = trustsTokens ? before?.gateway.settings.tokensTrustedSince ?? number : number
    let gateway: GatewayHandler
    if let before {
      gateway = GatewayHandler(
        settings: settings, dependencies: dependencies(ruled, server, quotaUsed: [:]), replacing: before.gateway)
    } else {
      let used = try backbone.stores.usage.quotaCounts(at: backbone.time.now())
      gateway = GatewayHandler(
        settings: settings, dependencies: dependencies(ruled, server, quotaUsed: used), loops: loops)
    }
    return Generation(
      number: number, ruleset: ruleset, authorization: server, site: site, gateway: gateway, admin: ruled.adminDependencies,
      contexts: contexts, keySets: keySets)
  }

  private func dependencies(
    _ ruled: RuledBackbone, _ server: AuthorizationServer, quotaUsed: [ClientID: QuotaCounts]
  ) -> GatewayDependencies {
    var dependencies = ruled.gatewayDependencies(server, quotaUsed: quotaUsed)
    dependencies.tracing = tracing
    dependencies.subscriptions = events
    return dependencies
  }
}

import Bytes
import Consent
import Identifiers
import Ledger
import Policy
import Wire

/// What the calls of one event loop share: memories, pools, and scratch space. Confined to its loop.
final class LoopState: @unchecked Sendable {
  let gateway: GatewayHandler
  let loop: EventLoop
  let consents: ConsentMemory
  let ledger: LedgerLane
  var tokens: TokenMemory
  var tape = JSONTape()
  var entry = LedgerMembers()
  private var loads: [ClientID: ClientLoad] = [:]
  private var pools: [UpstreamTarget: UpstreamPool] = [:]

  init(gateway: GatewayHandler, loop: EventLoop) {
    self.gateway = gateway
    self.loop = loop
    consents = gateway.dependencies.consents.memory(countMaximum: gateway.settings.consentsRemembered)
    tokens = TokenMemory(countMaximum: gateway.settings.tokensRemembered)
    ledger = gateway.dependencies.ledger.makeLane(notify: { [loop] in loop.wake() })
    loop.onWake { [weak self] in self?.ledger.drain() }
    // The entries of one turn share one wake of the writer, and with it one flush of the disk.
    loop.onTurnEnd { [weak self] in self?.ledger.flush() }
  }

  /// What the client of a token has under way here.
  func load(of token: AccessToken) -> ClientLoad {
    if let load = token.load { return load }
    let load = loads[token.claims.client] ?? ClientLoad()
    loads[token.claims.client] = load
    token.load = load
    return load
  }

  /// What the entry of a call counts as.
  func usage(of token: AccessToken?, _ operation: OperationPolicy, status: Int, isRefused: Bool) -> UsageMark {
    guard let token else { return .nothing }
    while token.usageSlots.count <= operation.index { token.usageSlots.append(nil) }
    if token.usageSlots[operation.index] == nil {
      token.usageSlots[operation.index] = gateway.dependencies.ledger.usage.slot(
        client: token.claims.client, api: operation.api.rawValue, operation: operation.id.rawValue)
    }
    return UsageMark(slot: token.usageSlots[operation.index], status: status, isRefused: isRefused)
  }

  /// The pool of connections from this loop to a backend.
  func pool(_ upstream: GatewaySettings.Upstream) -> UpstreamPool {
    if let pool = pools[upstream.target] { return pool }
    var limits = UpstreamLimits()
    limits.connectionsMaximum = upstream.connectionsMaximum
    let pool = UpstreamPool(loop: loop, target: upstream.target, limits: limits)
    pools[upstream.target] = pool
    return pool
  }
}

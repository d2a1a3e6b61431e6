import Bytes
import Consent
import Ledger
import Policy
import Wire

/// What the calls of one event loop share: memories, pools, and scratch space. Confined to its loop.
final class LoopState: @unchecked Sendable {
  let gateway: GatewayHandler
  let loop: EventLoop
  let consents: ConsentMemory
  let ledger: LedgerLane
  private let memory: LoopMemory
  var tape = JSONTape()
  var entry = LedgerMembers()
  private var pools: [UpstreamTarget: UpstreamPool] = [:]

  /// Takes the place of the loop's present state. Before the loop runs, or on it.
  init(gateway: GatewayHandler, memory: LoopMemory) {
    self.gateway = gateway
    self.memory = memory
    loop = memory.loop
    ledger = memory.ledger
    let before = memory.state
    consents = gateway.dependencies.consents.memory(
      countMaximum: gateway.settings.consentsRemembered, succeeding: before?.consents)
    memory.tokens.setCountMaximum(gateway.settings.tokensRemembered)
    memory.state = self
    guard let before else { return }
    before.gateway.letGo(of: loop)
    takePools(of: before)
  }

  /// The tokens that were verified on this loop, whatever handler it was for.
  var tokens: TokenMemory {
    get { memory.tokens }
    _modify { yield &memory.tokens }
  }

  /// Backends that stay as they are keep their connections; connections to others close when they are idle.
  private func takePools(of before: LoopState) {
    let wanted = Set(gateway.upstreams.compactMap(\.self))
    for (target, pool) in before.pools {
      if wanted.contains(where: { $0.target == target && $0.connectionsMaximum == pool.connectionsMaximum }) {
        pools[target] = pool
      } else {
        pool.drain()
      }
    }
    before.pools = [:]
  }

  /// The pool of connections from this loop to a backend.
  func pool(_ upstream: GatewaySettings.Upstream) -> UpstreamPool {
    if let pool = pools[upstream.target] { return pool }
    var limits = UpstreamLimits()
    limits.connectionsMaximum = upstream.connectionsMaximum
    let pool = UpstreamPool(loop: loop, target: upstream.target, limits: limits)
    // Of a call that began before another handler took over: nobody comes after it.
    if memory.state !== self { pool.drain() }
    pools[upstream.target] = pool
    return pool
  }
}

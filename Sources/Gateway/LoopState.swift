import Bytes
import Consent
import Identifiers
import Ledger
import Policy
import Wire

/// What the calls of one event loop share: memories and scratch space. Confined to its loop.
final class LoopState: @unchecked Sendable {
  let gateway: GatewayHandler
  let loop: EventLoop
  let consents: ConsentMemory
  let ledger: LedgerLane
  var tokens: TokenMemory
  var tape = JSONTape()
  var entry = LedgerMembers()
  private var loads: [ClientID: ClientLoad] = [:]

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
}

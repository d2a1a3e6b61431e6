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
  private let memory: LoopMemory
  var tape = JSONTape()
  var entry = LedgerMembers()
  let meter: LoopMeter

  /// Takes the place of the loop's present state. Before the loop runs, or on it.
  init(gateway: GatewayHandler, memory: LoopMemory) {
    self.gateway = gateway
    self.memory = memory
    loop = memory.loop
    ledger = memory.ledger
    meter = memory.meter
    let before = memory.state
    consents = gateway.dependencies.consents.memory(
      countMaximum: gateway.settings.consentsRemembered, meter: meter.consents, succeeding: before?.consents)
    memory.tokens.setCountMaximum(gateway.settings.tokensRemembered)
    memory.state = self
    before?.gateway.letGo(of: loop)
  }

  /// The tokens that were verified on this loop, whatever handler it was for.
  var tokens: TokenMemory {
    get { memory.tokens }
    _modify { yield &memory.tokens }
  }

  /// Where a call is counted. A token remembers its own rows, so that this looks nothing up for one that came before.
  func row(_ operation: OperationPolicy, _ token: AccessToken?) -> CallRow {
    let place = gateway.meterPlaces[operation.index]
    guard let token else { return meter.row(.init(operation: place, client: CallMeter.unknownClient)) }
    if place < token.meterRows.count, let row = token.meterRows[place] { return row }
    while token.meterRows.count <= place { token.meterRows.append(nil) }
    let client = gateway.dependencies.meter.place(ofClient: token.claims.client.rawValue)
    let row = meter.row(.init(operation: place, client: client))
    token.meterRows[place] = row
    return row
  }

  /// What the client of a token has under way here.
  func load(of token: AccessToken) -> ClientLoad {
    if let load = token.load { return load }
    let load = memory.loads[token.claims.client] ?? ClientLoad()
    memory.loads[token.claims.client] = load
    token.load = load
    return load
  }

  /// What the entry of a call counts as.
  func usage(of token: AccessToken?, _ operation: OperationPolicy, status: Int, isRefused: Bool) -> UsageMark {
    guard let token else { return .nothing }
    let place = gateway.meterPlaces[operation.index]
    while token.usageSlots.count <= place { token.usageSlots.append(nil) }
    if token.usageSlots[place] == nil {
      token.usageSlots[place] = gateway.dependencies.ledger.usage.slot(
        client: token.claims.client, api: operation.api.rawValue, operation: operation.id.rawValue)
    }
    return UsageMark(slot: token.usageSlots[place], status: status, isRefused: isRefused)
  }
}

import Identifiers
import Ledger
import Wire

/// What a gateway remembers, whatever its policies and settings are: the counts of limits and quotas, used proofs, what the operator was told of backends, and for each loop
/// verified tokens and the way into the ledger. It outlives handlers: the next one goes on where the one before it ended.
public final class GatewayMemory: Sendable {
  let rates = RateLimiter()
  let quotas: QuotaCounters
  let proofs: ProofMemory
  let unauthenticated: UnauthenticatedRefusals
  let notices: UpstreamNotices
  /// Calls that came when there was too much to do.
  let shed: CountedRefusals
  let loops: [LoopMemory]

  /// Before the loops run.
  ///
  /// - Parameters:
  ///   - settings: of the first handler; what they say of sizes and measures holds from the start.
  ///   - loops: on which exchanges will come, by their index.
  public init(settings: GatewaySettings, dependencies: GatewayDependencies, loops: [EventLoop]) {
    let now = dependencies.time.now()
    quotas = QuotaCounters(used: dependencies.quotaUsed, at: now)
    proofs = ProofMemory(countMaximum: settings.dpop.proofsRemembered, start: now)
    unauthenticated = UnauthenticatedRefusals(perMinute: settings.unauthenticatedPerMinute, ledger: dependencies.ledger)
    notices = UpstreamNotices(time: dependencies.time, tell: dependencies.notice)
    shed = CountedRefusals(event: "api.refused_overload", reason: "overload", status: 503, ledger: dependencies.ledger)
    self.loops = loops.map { loop in
      let meter = dependencies.meter.loop(loop.index)
      return LoopMemory(
        loop: loop, ledger: dependencies.ledger.makeLane(notify: { loop.wake() }), meter: meter,
        tokens: TokenMemory(countMaximum: settings.tokensRemembered, meter: meter.tokens))
    }
  }

  /// From now on this is how many refusals of calls without a good token one source may have in the ledger a minute. Any thread.
  public func limitUnauthenticated(perMinute: Int) { unauthenticated.limit(perMinute: perMinute) }
}

/// The same of one loop. Confined to it.
final class LoopMemory: @unchecked Sendable {
  let loop: EventLoop
  let ledger: LedgerLane
  let meter: LoopMeter
  /// What each client has under way here.
  var loads: [ClientID: ClientLoad] = [:]
  var tokens: TokenMemory
  /// Of the handler to which the loop's exchanges come now.
  var state: LoopState?

  init(loop: EventLoop, ledger: LedgerLane, meter: LoopMeter, tokens: TokenMemory) {
    self.loop = loop
    self.meter = meter
    self.ledger = ledger
    self.tokens = tokens
    loop.onWake { [weak self] in self?.ledger.drain() }
    // The entries of one turn share one wake of the writer, and with it one flush of the disk.
    loop.onTurnEnd { [weak self] in
      guard let self else { return }
      self.ledger.flush()
      meter.note(loop.admission)
    }
  }
}

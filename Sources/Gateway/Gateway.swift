/// The way of an API call, one file per stage in the order of DESIGN section 3.
///
/// Begin with `Call.swift`: it names the stages in order and nothing else decides it. Each stage takes what it needs and
/// returns what it learnt, or throws an `APIError`, which is a value: the refusal that the client gets.
///
/// 3 `Correlate`, 4 `Route` (which comes first, so that a refusal has the shape of its API), 5 `Authenticate` and `Prove`, 6 `Authorize`,
/// 7 `Limit`, 8 `Subject`, 9 `CheckConsent`, 10 `Forward`, 11 `Filter`, 12 `Record`, 13 `Respond`. Stages 1 and 2, listener and parser, are
/// `Wire`'s. `Trace` and `Metrics/` watch and decide nothing.
///
/// Everything of a call happens on the event loop of its connection. What calls share is read-only, or an atomic (`RateLimiter`,
/// `QuotaCounters`), or lives in the memory of one loop: `LoopMemory` goes on over reloads, as all of `GatewayMemory` does, and `LoopState`
/// belongs to one handler.

/// Whether a target may be asked, by what its calls met. A value; time comes from outside.
///
/// Closed, it counts faults in a row. Too many open it: nothing goes there until its time is over, which doubles each time while enough
/// others are left, and never otherwise: a target that is needed is asked again soon. Then a connection is tried (by `UpstreamWatch`), and
/// when that works, one call at a time is let through: half-open. The first one decides.
///
/// Whether connections can be made is no client's doing, so few faults suffice. Answers of 5xx, broken or late ones may be one
/// client's doing, who asks for what its backend stumbles over; so it takes more of them, and they never take out a target when less
/// than half would be left: or that client could shut the API for all others.
struct CircuitBreaker {
  enum State: Equatable {
    case closed
    case open(untilNanoseconds: UInt64)
    /// A call may try; while the lease of another holds, none may.
    case halfOpen(leaseNanoseconds: UInt64)
  }

  enum Fault: Equatable {
    case noConnection
    /// 5xx, a broken answer, or none in time.
    case badAnswer
  }

  /// Longer than this no trial call holds up the next, or a client with slow ones could keep the target out.
  static let leaseNanoseconds: UInt64 = 1_000_000_000

  private let rules: UpstreamSettings.Health
  private(set) var state = State.closed
  /// How often it has opened.
  private(set) var ejections = 0
  private var connectFaults = 0
  private(set) var answerFaults = 0
  /// Of the ejections those that came soon after one another.
  private var level = 0
  private var closedNanoseconds: UInt64 = 0

  init(_ rules: UpstreamSettings.Health) { self.rules = rules }

  /// Nothing speaks against the target.
  var isQuiet: Bool { state == .closed && connectFaults == 0 && answerFaults == 0 }

  /// A call met a fault. True when the state has changed.
  ///
  /// - Parameters:
  ///   - mayLeave: enough others are left, so that bad answers count too.
  ///   - jitter: 0 to 1: lengthens the time by up to a quarter, so that gateways do not come back all at once.
  mutating func failed(_ fault: Fault, at now: UInt64, mayLeave: Bool, jitter: Double) -> Bool {
    switch state {
    case .open: return false
    case .halfOpen:
      if fault == .badAnswer, !mayLeave { return succeeded(at: now) }
      open(at: now, mayLeave: mayLeave, jitter)
      return true
    case .closed:
      count(fault)
      let isEnough =
        connectFaults >= rules.connectFaultsMaximum || (mayLeave && answerFaults >= rules.answerFaultsMaximum)
      if isEnough { open(at: now, mayLeave: mayLeave, jitter) }
      return isEnough
    }
  }

  private mutating func count(_ fault: Fault) {
    switch fault {
    case .noConnection: connectFaults += 1
    case .badAnswer:
      answerFaults += 1
      connectFaults = 0
    }
  }

  /// A call was answered. True when the state has changed.
  mutating func succeeded(at now: UInt64) -> Bool {
    // The answer to a call from before it opened says nothing new.
    if case .open = state { return false }
    (connectFaults, answerFaults) = (0, 0)
    guard case .halfOpen = state else { return false }
    state = .closed
    closedNanoseconds = now
    return true
  }

  /// The connection that was tried after its time worked, or did not. True when the state has changed.
  mutating func probed(_ isGood: Bool, at now: UInt64, mayLeave: Bool, jitter: Double) -> Bool {
    guard case .open = state else { return false }
    if isGood { state = .halfOpen(leaseNanoseconds: 0) } else { open(at: now, mayLeave: mayLeave, jitter) }
    return isGood
  }

  /// Lets one call try; false while another does.
  mutating func takeLease(at now: UInt64) -> Bool {
    guard case .halfOpen(let lease) = state, lease <= now else { return false }
    state = .halfOpen(leaseNanoseconds: now + Self.leaseNanoseconds)
    return true
  }

  private mutating func open(at now: UInt64, mayLeave: Bool, _ jitter: Double) {
    (connectFaults, answerFaults) = (0, 0)
    let longest = UInt64(rules.ejectedMillisecondsMaximum) * 1_000_000
    if state == .closed {
      ejections += 1
      if now - min(now, closedNanoseconds) > longest { level = 0 }
    }
    if !mayLeave { level = 0 }
    let time = min(longest, UInt64(rules.ejectedMilliseconds) * 1_000_000 << UInt64(min(level, 20)))
    level += 1
    state = .open(untilNanoseconds: now + time + UInt64(Double(time) * 0.25 * jitter))
  }
}

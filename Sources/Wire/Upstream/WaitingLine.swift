import Synchronization

/// Calls that wait for a connection: first come, first served, bounded in number and in time. Confined to its loop.
///
/// Coming and going take constant time. Every fourth slot of the timing wheel it looks for calls whose time is over.
final class WaitingLine: TimerTarget {
  struct Entry {
    let call: any UpstreamCall
    let attempt: UpstreamAttempt
    fileprivate let leavesNanoseconds: UInt64
  }

  private let loop: EventLoop
  private let countMaximum: Int
  private let waitNanoseconds: UInt64?
  private var entries = FIFO<Entry>()
  private lazy var timer = LoopTimer(self)
  /// How many wait, for readers on other threads.
  let shown = Atomic<Int>(0)

  init(loop: EventLoop, limits: UpstreamLimits) {
    self.loop = loop
    countMaximum = limits.queueMaximum
    waitNanoseconds = limits.queueMilliseconds.map { UInt64($0) * 1_000_000 }
  }

  var isEmpty: Bool { entries.isEmpty }

  /// Lets a call wait; one too many fails.
  func append(_ call: any UpstreamCall, _ attempt: UpstreamAttempt) {
    guard entries.count < countMaximum else { call.failed(.overloaded); return }
    let patience = waitNanoseconds.map { loop.nowNanoseconds + $0 } ?? .max
    let late = UpstreamAttempt(tries: attempt.tries, isLate: true)
    entries.append(Entry(call: call, attempt: late, leavesNanoseconds: min(patience, call.deadlineNanoseconds)))
    shown.store(entries.count, ordering: .relaxed)
    // Not moved while it is on: calls that keep coming would move it ahead for ever.
    if timer.deadlineNanoseconds == nil { loop.timers.set(timer, at: loop.nowNanoseconds + TimerWheel.slotNanoseconds * 4) }
  }

  /// The next call that still has time.
  func next() -> Entry? {
    let now = loop.nowNanoseconds
    while let entry = entries.popFirst() {
      shown.store(entries.count, ordering: .relaxed)
      if entry.leavesNanoseconds > now { return entry }
      giveUp(entry, at: now)
    }
    return nil
  }

  /// All that wait, which leave.
  func takeAll() -> [Entry] {
    defer { shown.store(0, ordering: .relaxed) }
    return entries.takeAll()
  }

  /// Ends the waiting of all.
  func fail(_ failure: UpstreamFailure) {
    loop.timers.cancel(timer)
    for entry in takeAll() { entry.call.failed(failure) }
  }

  func timerFired(_ timer: LoopTimer) {
    let now = loop.nowNanoseconds
    var late: [Entry] = []
    var left = FIFO<Entry>()
    for entry in entries.takeAll() { if entry.leavesNanoseconds <= now { late.append(entry) } else { left.append(entry) } }
    entries = left
    shown.store(entries.count, ordering: .relaxed)
    for entry in late { giveUp(entry, at: now) }
    if !entries.isEmpty { loop.timers.set(timer, at: now + TimerWheel.slotNanoseconds * 4) }
  }

  private func giveUp(_ entry: Entry, at now: UInt64) {
    entry.call.failed(entry.call.deadlineNanoseconds <= now ? .timedOut : .overloaded)
  }
}

/// A queue in a ring of slots: both ends in constant time.
struct FIFO<Element> {
  private var slots: [Element?] = []
  private var head = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func append(_ element: Element) {
    if count == slots.count { grow() }
    slots[(head + count) % slots.count] = element
    count += 1
  }

  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    defer {
      slots[head] = nil
      head = (head + 1) % slots.count
      count -= 1
    }
    return slots[head]
  }

  /// All of them in order; the queue is empty afterwards, and its room is given back.
  mutating func takeAll() -> [Element] {
    var all: [Element] = []
    all.reserveCapacity(count)
    while let element = popFirst() { all.append(element) }
    slots = []
    head = 0
    return all
  }

  private mutating func grow() {
    var larger: [Element?] = []
    larger.reserveCapacity(max(8, count * 2))
    for place in 0..<count { larger.append(slots[(head + place) % slots.count]) }
    while larger.count < max(8, count * 2) { larger.append(nil) }
    slots = larger
    head = 0
  }
}

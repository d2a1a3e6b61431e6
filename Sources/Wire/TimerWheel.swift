/// Who is told that a time has come. Confined to its loop.
public protocol TimerTarget: AnyObject {
  func timerFired(_ timer: LoopTimer)
}

/// A time that something waits for, on one loop. Moving it later costs a store: the wheel finds out when it gets there.
public final class LoopTimer {
  /// Absolute and monotonic; nil while it is off.
  public private(set) var deadlineNanoseconds: UInt64?
  /// Not weak: a weak reference moves its object's reference counts out of line, and every retain and release of it, timer or
  /// not, then takes the slow way; that was a fifth of the server's time in user space.
  private unowned let owner: any TimerTarget
  /// Holds the owner while the timer is on, so that it can never fire into nothing.
  private var target: (any TimerTarget)?
  fileprivate var slot = -1
  fileprivate var place = 0
  /// When the wheel comes to the slot: at or before the deadline.
  fileprivate var tick: UInt64 = 0

  /// - Parameter owner: outlives the timer; usually the timer is a part of it.
  public init(_ owner: any TimerTarget) { self.owner = owner }

  fileprivate func turnOn(_ deadline: UInt64) {
    deadlineNanoseconds = deadline
    if target == nil { target = owner }
  }

  /// Who was to be told.
  @discardableResult
  fileprivate func turnOff() -> (any TimerTarget)? {
    deadlineNanoseconds = nil
    defer { target = nil }
    return target
  }
}

/// A hashed timing wheel: 512 slots of 16 ms. Setting, moving and turning off take constant time; a turn of the loop looks at
/// the slots whose time has come and at nothing else. A timer fires up to one slot late, never early. Confined to its loop.
final class TimerWheel {
  private static let slotCount = 512
  static let slotNanoseconds: UInt64 = 16_000_000

  private var slots: [[LoopTimer]] = Array(repeating: [], count: slotCount)
  /// One bit a slot that holds a timer.
  private var occupied = [UInt64](repeating: 0, count: slotCount / 64)
  private var tick: UInt64
  private var due: [LoopTimer] = []

  init(startNanoseconds: UInt64) { tick = startNanoseconds / Self.slotNanoseconds }

  /// Lets a timer fire at a time.
  func set(_ timer: LoopTimer, at deadline: UInt64) {
    timer.turnOn(deadline)
    // The slot that it stands in comes first, and moves it on then.
    if timer.slot >= 0, Self.tick(deadline) >= timer.tick { return }
    unlink(timer)
    link(timer)
  }

  /// Turns it off and forgets it: for an owner that ends.
  func cancel(_ timer: LoopTimer) {
    timer.turnOff()
    unlink(timer)
  }

  /// Turns it off, for an owner that will set it again: it keeps its slot until that comes, so that both cost a store.
  func rest(_ timer: LoopTimer) { timer.turnOff() }

  /// Fires what is due.
  func advance(to now: UInt64) {
    let target = now / Self.slotNanoseconds
    guard target > tick else { return }
    // After a long stop one round visits every slot.
    let steps = min(target - tick, UInt64(Self.slotCount))
    tick = target
    for step in 0..<steps {
      let slot = Int((target - step) % UInt64(Self.slotCount))
      guard !slots[slot].isEmpty else { continue }
      for timer in slots[slot] { timer.slot = -1 }
      due.append(contentsOf: slots[slot])
      slots[slot].removeAll(keepingCapacity: true)
      occupied[slot >> 6] &= ~(1 << UInt64(slot & 63))
    }
    let fired = due
    due.removeAll(keepingCapacity: true)
    for timer in fired {
      guard let deadline = timer.deadlineNanoseconds, timer.slot < 0 else { continue }
      if deadline > now {
        link(timer)
      } else {
        timer.turnOff()?.timerFired(timer)
      }
    }
  }

  /// How long epoll may wait: until the next slot that holds a timer; -1 without any.
  func millisecondsToNext(from now: UInt64) -> Int32 {
    guard occupied.contains(where: { $0 != 0 }) else { return -1 }
    let first = Int((tick + 1) % UInt64(Self.slotCount))
    for offset in 0...(Self.slotCount / 64) {
      let word = (first >> 6 + offset) % occupied.count
      var bits = occupied[word]
      if offset == 0 { bits &= ~0 << UInt64(first & 63) }
      if offset == Self.slotCount / 64 { bits &= ~(~0 << UInt64(first & 63)) }
      guard bits != 0 else { continue }
      let slot = word << 6 + bits.trailingZeroBitCount
      let ahead = (slot - first + Self.slotCount) % Self.slotCount + 1
      let at = (tick + UInt64(ahead)) * Self.slotNanoseconds
      return at <= now ? 0 : Int32((at - now + 999_999) / 1_000_000)
    }
    return -1
  }

  /// Rounded up; the largest deadline there is must not overflow.
  private static func tick(_ deadline: UInt64) -> UInt64 {
    deadline / slotNanoseconds + (deadline % slotNanoseconds == 0 ? 0 : 1)
  }

  private func link(_ timer: LoopTimer) {
    guard let deadline = timer.deadlineNanoseconds else { return }
    // Beyond the wheel's horizon it waits in the last slot, and is moved on from there.
    let at = min(max(Self.tick(deadline), tick + 1), tick + UInt64(Self.slotCount) - 1)
    let slot = Int(at % UInt64(Self.slotCount))
    timer.slot = slot
    timer.tick = at
    timer.place = slots[slot].count
    slots[slot].append(timer)
    occupied[slot >> 6] |= 1 << UInt64(slot & 63)
  }

  private func unlink(_ timer: LoopTimer) {
    guard timer.slot >= 0 else { return }
    let slot = timer.slot
    let last = slots[slot].removeLast()
    if last !== timer {
      slots[slot][timer.place] = last
      last.place = timer.place
    }
    if slots[slot].isEmpty { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
    timer.slot = -1
  }
}

import CLinux
import Glibc

/// Finds out how long what is ready waits until its loop comes to it: a descriptor of its own becomes ready and waits its turn among
/// the others, which epoll hands out in the order in which they became ready. Confined to its loop.
final class LagProbe: Pollable {
  /// From fewer events in a turn nobody waits long; a loop with little to do measures nothing.
  static let eventsMinimum = 16
  private static let intervalNanoseconds: UInt64 = 10_000_000

  private let descriptor = passerelle_eventfd()
  private unowned let loop: EventLoop
  private var sentAt: UInt64?
  private var lastAt: UInt64 = 0
  private var isWatched = false

  init(_ loop: EventLoop) { self.loop = loop }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// At the end of a turn with many events.
  func send() {
    guard sentAt == nil, loop.nowNanoseconds >= lastAt + Self.intervalNanoseconds, watch() else { return }
    sentAt = loop.time.monotonicNanoseconds()
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  func becameReadable() {
    var counter: UInt64 = 0
    _ = read(descriptor, &counter, 8)
    guard let sentAt else { return }
    self.sentAt = nil
    let now = loop.time.monotonicNanoseconds()
    lastAt = now
    loop.admission.note(lagNanoseconds: now - min(sentAt, now), at: now)
  }

  func becameWritable() {}
  func becameDead() {}

  private func watch() -> Bool {
    if !isWatched { isWatched = (try? loop.add(descriptor, self)) != nil }
    return isWatched
  }
}

import Bytes
import Store
import Synchronization
import Wire

/// Gives the first events of the queues their turns (`EventPassage`), each subscription's in order, as many subscriptions at once as are
/// allowed.
///
/// What is new is told by who queued it; what was put off, and what was there when the process began, is found by looking at the queue
/// when something is due. Works on one loop.
final class EventDelivery: TimerTarget, @unchecked Sendable {
  private static let tickNanoseconds: UInt64 = 200_000_000
  /// Of one subscription before others have their turn.
  private static let portion = 16
  /// Subscriptions that wait for a turn in memory; the others are found again in the queue.
  private static let readyMaximum = 10_000
  /// Of those that wait for one server or client. What is beyond is found again in the queue, too: however many wait for one that is slow,
  /// those of the others have their place.
  private static let parkedMaximum = 1000
  /// Of a line at a time, when nobody's end makes room.
  private static let releasedMaximum = 16
  /// Looked at in the queue at a time.
  private static let lookMaximum = 2000
  private static let restNanoseconds: UInt64 = 1_000_000_000

  private let subscriptions: any SubscriptionStore
  private let events: any EventQueue
  private let passage: EventPassage
  private let turnsMaximum: Int
  private let time: any TimeSource
  private let loop: EventLoop
  private let meter: EventMeter
  private let complain: @Sendable (String) -> Void
  private let isStopped = Atomic<Bool>(false)

  // Confined to the loop.
  /// In the order in which they came.
  private var ready = Line()
  /// By who they wait for: a server or a client that has as many turns as it may.
  private var parked: [SinkServers.Party: Line] = [:]
  /// All that are ready or parked.
  private var waiting: Set<String> = []
  private var parkedCount = 0
  /// Where the next look at the queue begins.
  private var place: QueuePlace?
  /// True: something new came during its turn.
  private var underWay: [String: Bool] = [:]
  /// Something failed that is not theirs, or the sink's: not before this time of the loop.
  private var resting: [String: UInt64] = [:]
  private var servers: SinkServers
  private var problem: String?
  private lazy var timer = LoopTimer(self)

  init(
    subscriptions: any SubscriptionStore, events: any EventQueue, passage: EventPassage, settings: EventSettings,
    time: any TimeSource, loop: EventLoop, meter: EventMeter, complain: @escaping @Sendable (String) -> Void
  ) {
    self.subscriptions = subscriptions
    self.events = events
    self.passage = passage
    turnsMaximum = settings.deliveriesAtOnce
    self.time = time
    self.loop = loop
    self.meter = meter
    self.complain = complain
    servers = SinkServers(turnsMaximum: settings.deliveriesAtOnce)
  }

  func start() { loop.execute { self.timerFired(self.timer) } }

  /// Begins no more turns. Those that have begun end by themselves.
  func stop() { isStopped.store(true, ordering: .releasing) }

  /// Turns under way. On the loop.
  var turnCount: Int { underWay.count }

  /// A subscription has a new event. Any thread.
  func queued(_ subscription: String) {
    loop.execute { [self] in
      if underWay[subscription] != nil {
        underWay[subscription] = true
      } else if resting[subscription] == nil {
        enlist(subscription)
      }
      pump()
    }
  }

  /// Something is due that nobody told of. Any thread.
  func wake() { loop.execute { self.lookAround() } }

  func timerFired(_ timer: LoopTimer) {
    guard !isStopped.load(ordering: .acquiring) else { return }
    loop.setTimer(timer, afterNanoseconds: Self.tickNanoseconds)
    lookAround()
  }

  private func lookAround() {
    let now = loop.nowNanoseconds
    resting = resting.filter { $0.value > now }
    do {
      try look()
      problem = nil
    } catch { complainOnce("the queue of events cannot be read: \(error)") }
    // Who finds no room after all waits again.
    for party in parked.keys where servers.hasRoom(party) { for _ in 0..<Self.releasedMaximum { release(party) } }
    pump()
  }

  // MARK: Who is next

  /// What is due and not known here: a part of the queue each time, and then the next, so that nobody stands before the others for good.
  private func look() throws {
    let now = time.now()
    guard ready.count < Self.readyMaximum else { return }
    if place == nil { guard let next = try events.nextDue(), next <= now else { return } }
    let found = try events.due(at: now, from: place, limit: Self.lookMaximum)
    place = found.next
    for subscription in found.ids where underWay[subscription] == nil && resting[subscription] == nil { enlist(subscription) }
  }

  private func enlist(_ subscription: String) {
    guard ready.count < Self.readyMaximum, waiting.insert(subscription).inserted else { return }
    ready.append(subscription)
  }

  private func pump() {
    while underWay.count < turnsMaximum, !isStopped.load(ordering: .acquiring), let subscription = ready.popFirst() {
      do { try begin(subscription) } catch {
        waiting.remove(subscription)
        rest(subscription, "a subscription cannot be read: \(error)")
      }
    }
    meter.setUnderWay(underWay.count)
  }

  private func begin(_ subscription: String) throws {
    // Of one that is not known any more the events are dropped: no server hears of that.
    let record = try subscriptions.find(id: subscription)
    let party = record.map { SinkServers.Party(sink: $0.sink, client: $0.client) }
    if let party, !servers.hasRoom(party) { return park(subscription, party) }
    waiting.remove(subscription)
    underWay[subscription] = false
    if let party { servers.began(party) }
    loop.spawn { [self] in
      let isMore = await turn(subscription, party)
      ended(subscription, party, isMore: isMore)
    }
  }

  private func park(_ subscription: String, _ party: SinkServers.Party) {
    guard parkedCount < Self.readyMaximum, parked[party]?.count ?? 0 < Self.parkedMaximum else {
      waiting.remove(subscription)
      return
    }
    parked[party, default: Line()].append(subscription)
    parkedCount += 1
  }

  /// One that waited for a server or a client that has room now.
  private func release(_ party: SinkServers.Party) {
    guard var line = parked.removeValue(forKey: party) else { return }
    if let subscription = line.popFirst() {
      ready.append(subscription)
      parkedCount -= 1
    }
    if !line.isEmpty { parked[party] = line }
  }

  private func ended(_ subscription: String, _ party: SinkServers.Party?, isMore: Bool) {
    let isNew = underWay.removeValue(forKey: subscription) ?? false
    if let party {
      servers.ended(party)
      release(party)
    }
    if isMore || isNew, resting[subscription] == nil { enlist(subscription) }
    pump()
  }

  private func rest(_ subscription: String, _ reason: String) {
    resting[subscription] = loop.nowNanoseconds + Self.restNanoseconds
    complainOnce(reason)
  }

  private func complainOnce(_ reason: String) {
    guard problem != reason else { return }
    problem = reason
    complain(reason)
  }

  // MARK: A turn

  /// - Returns: true when there may be more that is due.
  private func turn(_ subscription: String, _ party: SinkServers.Party?) async -> Bool {
    do {
      let first = try events.first(subscription, limit: Self.portion)
      for event in first {
        guard event.dueAt <= time.now(), !isStopped.load(ordering: .acquiring) else { return false }
        if let party, let rest = servers.rest(of: party, now: loop.nowNanoseconds) {
          try await passage.putOff(event, "sink_paused", restNanoseconds: rest)
          return false
        }
        let (turn, sign) = try await passage.take(event)
        if let party { servers.note(party, sign, now: loop.nowNanoseconds) }
        switch turn {
        case .done: continue
        case .putOff: return false
        case .stalled:
          resting[subscription] = loop.nowNanoseconds + Self.restNanoseconds
          return false
        }
      }
      return first.count == Self.portion
    } catch {
      rest(subscription, "an event could not have its turn: \(error)")
      return false
    }
  }
}

/// A line of people: who came first goes first.
private struct Line {
  private var items: [String] = []
  private var head = 0

  var count: Int { items.count - head }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ item: String) { items.append(item) }

  mutating func popFirst() -> String? {
    guard head < items.count else { return nil }
    defer { head += 1 }
    if head > 1024, head * 2 > items.count {
      items.removeFirst(head)
      head = 0
    }
    return items[head]
  }
}

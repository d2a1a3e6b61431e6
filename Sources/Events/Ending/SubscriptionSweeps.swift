import Bytes
import Store
import Synchronization
import Wire

/// Each second: subscriptions whose time or whose sink's token is over, those that the subscriber took back, those of clients that are
/// disabled, and those that were asked for by a process that died before it had its answer. Works on the loop of the delivery.
///
/// What was taken back is found by the store's own history of consents, from a place that is kept: what happened while the gateway was down
/// is found when it is up again. Until it is found nothing leaves either, for each event asks for the consent of its own moment.
final class SubscriptionSweeps: TimerTarget, @unchecked Sendable {
  private static let periodNanoseconds: UInt64 = 1_000_000_000
  /// At a time; the loop has other work, too.
  private static let portion = 200
  /// Of one step of a pass.
  private static let stepNanoseconds: UInt64 = 500_000_000
  /// Longer than any call takes.
  private static let answerSeconds: Int64 = 3600

  private let subscriptions: any SubscriptionStore
  private let ender: SubscriptionEnder
  private let judge: EventJudge
  private let settings: EventSettings
  private let time: any TimeSource
  private let loop: EventLoop
  private let complain: @Sendable (String) -> Void
  private let isStopped = Atomic<Bool>(false)

  // Confined to the loop.
  private var isBusy = false
  private var problem: String?
  private var seenPlace: Int?
  private lazy var timer = LoopTimer(self)

  init(
    subscriptions: any SubscriptionStore, ender: SubscriptionEnder, judge: EventJudge, settings: EventSettings,
    time: any TimeSource, loop: EventLoop, complain: @escaping @Sendable (String) -> Void
  ) {
    self.subscriptions = subscriptions
    self.ender = ender
    self.judge = judge
    self.settings = settings
    self.time = time
    self.loop = loop
    self.complain = complain
  }

  func start() { loop.execute { self.timerFired(self.timer) } }
  func stop() { isStopped.store(true, ordering: .releasing) }

  func timerFired(_ timer: LoopTimer) {
    guard !isStopped.load(ordering: .acquiring) else { return }
    loop.setTimer(timer, afterNanoseconds: Self.periodNanoseconds)
    guard !isBusy else { return }
    isBusy = true
    loop.spawn { [self] in
      await pass()
      isBusy = false
    }
  }

  /// One of each. What fails is done the next time, and keeps the others from nothing. On the loop.
  func pass() async {
    var found: String?
    for step in [withdrawn, disabled, expired, tokens, unanswered] as [() async throws -> Void] {
      do { try await step() } catch { found = found ?? "subscriptions cannot be looked through: \(error)" }
    }
    if let found, found != problem { complain(found) }
    problem = found
  }

  // MARK: Steps

  private func withdrawn() async throws {
    while !isStopped.load(ordering: .acquiring) {
      let (taken, place) = try subscriptions.withdrawals(limit: Self.portion)
      guard place != seenPlace else { return }
      for (subject, client) in taken {
        for record in try subscriptions.live(subject: subject, client: client) {
          guard try await !judge.permitsAny(record) else { continue }
          try await ender.end(record.id, because: .consentWithdrawn)
        }
      }
      // Only now: what threw is found again.
      try await subscriptions.seen(place)
      seenPlace = place
    }
  }

  private func disabled() async throws {
    try await inPortions({ try $0.liveOfDisabledClients(limit: Self.portion) }) { record in
      try await self.ender.end(record.id, because: .clientDisabled)
    }
  }

  private func expired() async throws {
    let now = time.now()
    try await inPortions({ try $0.runningOut(before: now, limit: Self.portion) }) { record in
      let isOver = record.expiresAt.map { $0 <= now } ?? false
      return try await self.ender.end(record.id, because: isOver ? .expired : .sinkTokenExpired)
    }
  }

  /// Shortly before a token is over, so that the sink takes it still. What else runs out by then has its time.
  private func tokens() async throws {
    let soon = time.now().adding(seconds: Int64(settings.tokenLeadSeconds))
    for record in try subscriptions.runningOut(before: soon, limit: Self.portion * 10) {
      guard let expiresAt = record.credential?.expiresAt, expiresAt <= soon, record.expiresAt.map({ expiresAt < $0 }) ?? true
      else { continue }
      try await ender.end(record.id, because: .sinkTokenExpired)
    }
  }

  private func unanswered() async throws {
    let past = time.now().adding(seconds: -Self.answerSeconds)
    try await inPortions({ try $0.neverMade(before: past, limit: Self.portion) }) { record in
      try await self.ender.end(record.id, because: .neverMade)
    }
  }

  /// Until there are no more, none of a portion could be ended, or the others have waited long enough: what is left is found again. Those of a
  /// portion end together, in few commits.
  private func inPortions(
    _ find: (any SubscriptionStore) throws -> [SubscriptionRecord],
    _ end: @escaping @Sendable (SubscriptionRecord) async throws -> Bool
  ) async throws {
    let last = loop.nowNanoseconds + Self.stepNanoseconds
    while !isStopped.load(ordering: .acquiring), loop.nowNanoseconds < last {
      let records = try find(subscriptions)
      let hasEnded = try await withThrowingTaskGroup(of: Bool.self) { group in
        for record in records { group.addTask { try await end(record) } }
        return try await group.reduce(false) { $0 || $1 }
      }
      guard records.count >= Self.portion, hasEnded else { return }
    }
  }
}

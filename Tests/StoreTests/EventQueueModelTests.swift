import Bytes
import Identifiers
import Testing

@testable import Store

/// The queue against a plain model of it: whatever is done in whatever order, both say the same.
@Suite("The queue of events, at random")
struct EventQueueModelTests {
  private struct Model {
    struct Event: Equatable {
      var id: Int
      var due: Timestamp
    }
    var queues: [String: [Event]] = [:]
    var dead: [String: [Int]] = [:]
    var known: [String: Set<Int>] = [:]
    var counted: [String: Set<Int>] = [:]
    var ended: Set<String> = []

    var waiting: Int { queues.values.reduce(0) { $0 + $1.count } }
    func due(at now: Timestamp) -> Set<String> {
      Set(queues.filter { $0.value.first.map { $0.due <= now } ?? false }.keys)
    }
  }

  private static let waitingMaximum = 6
  private static let totalMaximum = 20
  private static let names = (1...6).map { "s\($0)" }

  @Test("heads, counts, order and duplicates are those of the model", arguments: [1, 2, 3, 4])
  func random(seed: UInt64) async throws {
    let fixture = try Fixture()
    for name in Self.names { try await fixture.active(name) }
    var (random, model) = (Seeded(state: seed), Model())
    for step in 1...600 {
      fixture.time.advance(seconds: Double(Int.random(in: 0...2, using: &random)))
      try await self.step(step, fixture, &model, &random)
      try check(fixture, model)
    }
    try await drain(fixture, &model)
  }

  private func step(
    _ step: Int, _ fixture: Fixture, _ model: inout Model, _ random: inout Seeded
  ) async throws {
    let events = fixture.stores.events
    let name = Self.names.randomElement(using: &random)!
    let head = try events.first(name, limit: 1).first
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<9:
      let id = Int.random(in: max(1, step - 30)...step, using: &random)
      let due = Int64.random(in: 0...5, using: &random)
      let answer = try await fixture.accept(
        name, id, due: due, waitingMaximum: Self.waitingMaximum, totalMaximum: Self.totalMaximum)
      #expect(answer == accept(id, due: fixture.now(plus: due), of: name, &model))
    case 9..<13:
      guard let head else { return }
      let counts = Bool.random(using: &random)
      let count = try await events.settle(head, counts: counts)
      let id = model.queues[name]!.removeFirst().id
      if counts { model.counted[name, default: []].insert(id) }
      #expect(count == model.counted[name, default: []].count)
    case 13..<15:
      guard let head else { return }
      let due = fixture.now(plus: Int64.random(in: 1...9, using: &random))
      try await events.putOff(head, dueAt: due, failure: "503")
      model.queues[name]![0].due = due
    case 15..<17:
      guard let head else { return }
      let count = try await events.bury(head, failure: "410", at: fixture.now())
      let id = model.queues[name]!.removeFirst().id
      if !head.isLifecycle { model.counted[name, default: []].insert(id) }
      model.dead[name, default: []].append(id)
      #expect(count == model.counted[name, default: []].count)
    case 17:
      let count = try await events.replay(.of(subscription: name), at: fixture.now())
      guard !model.ended.contains(name) else { return #expect(count == 0) }
      let back = model.dead.removeValue(forKey: name) ?? []
      model.queues[name, default: []] += back.map { Model.Event(id: $0, due: fixture.now()) }
      #expect(count == back.count)
    case 18:
      #expect(try await events.discard(.of(subscription: name)) == (model.dead.removeValue(forKey: name) ?? []).count)
    default:
      guard step % 7 == 0 else { return }
      let isFirst = model.ended.insert(name).inserted
      #expect(try await fixture.end(name, farewell: fixture.event(name, 10_000, isLifecycle: true)) == isFirst)
      if isFirst { model.queues[name] = [Model.Event(id: 10_000, due: fixture.now())] }
    }
  }

  private func accept(_ id: Int, due: Timestamp, of name: String, _ model: inout Model) -> EventAcceptance {
    if model.ended.contains(name) { return .ended }
    if model.known[name, default: []].contains(id) { return .duplicate }
    if model.queues[name, default: []].count >= Self.waitingMaximum || model.waiting >= Self.totalMaximum { return .full }
    model.known[name, default: []].insert(id)
    model.queues[name, default: []].append(Model.Event(id: id, due: due))
    return .queued
  }

  private func check(_ fixture: Fixture, _ model: Model) throws {
    let (events, now) = (fixture.stores.events, fixture.now())
    #expect(try events.depths().waiting == model.waiting)
    #expect(try events.depths().dead == model.dead.values.reduce(0) { $0 + $1.count })
    #expect(try Set(events.due(at: now, excluding: [], limit: 100)) == model.due(at: now))
    #expect(try events.nextDue() == model.queues.values.compactMap { $0.first?.due }.min())
    for name in Self.names {
      let queue = try events.first(name, limit: 100)
      #expect(queue.map(\.eventID) == model.queues[name, default: []].map { "the-secret-id-\($0.id)" })
      let depth = try events.depth(name)
      #expect(depth.waiting == queue.count && depth.dead == model.dead[name, default: []].count)
      #expect(depth.oldest == queue.first?.acceptedAt)
    }
  }

  /// At the end nothing is left: neither row nor head nor count.
  private func drain(_ fixture: Fixture, _ model: inout Model) async throws {
    for name in Self.names {
      for event in try fixture.stores.events.first(name, limit: 100) {
        _ = try await fixture.stores.events.settle(event, counts: false)
      }
      _ = try await fixture.stores.events.discard(.of(subscription: name))
    }
    #expect(try fixture.number("SELECT count(*) FROM event_queues") == 0)
    #expect(try fixture.number("SELECT count(*) FROM event_ids WHERE forget_at IS NULL") == 0)
    #expect(try fixture.number("SELECT waiting + dead FROM event_totals") == 0)
  }
}

/// A generator whose sequence a seed decides (SplitMix64).
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

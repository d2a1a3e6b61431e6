import Bytes
import Foundation
import Identifiers
import Testing

@testable import Store

extension Fixture {
  func event(_ subscription: String, _ number: Int, isLifecycle: Bool = false, due seconds: Int64 = 0) -> QueuedEvent {
    QueuedEvent(
      subscription: subscription, eventID: "the-secret-id-\(number)", source: "https://backend.example/the-secret-source",
      type: "org.one", time: now(plus: -1), data: Array("{\"device\":\"the-secret-data-\(number)\"}".utf8),
      isLifecycle: isLifecycle, acceptedAt: now(), dueAt: now(plus: seconds))
  }

  func accept(
    _ subscription: String, _ number: Int, due seconds: Int64 = 0, waitingMaximum: Int = 1000, totalMaximum: Int = 10_000
  ) async throws -> EventAcceptance {
    try await stores.events.accept(
      event(subscription, number, due: seconds), waitingMaximum: waitingMaximum, totalMaximum: totalMaximum)
  }

  /// The first value of a statement.
  func number(_ sql: StaticString) throws -> Int {
    try database.read { connection in
      let row = try connection.statement(sql)
      return try row.step() ? row.integer(0) : -1
    }
  }

  /// None of these texts stands in any file of the database.
  func expectAbsent(_ texts: [String]) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + name))
      for text in texts { #expect(bytes.range(of: Data(text.utf8)) == nil, "\(text) stands in \(name)") }
    }
  }
}

@Suite("The queue of events")
struct EventQueueTests {
  private let fixture: Fixture
  private var events: any EventQueue { fixture.stores.events }

  init() throws { fixture = try Fixture() }

  private func ids(_ subscription: String, limit: Int = 100) throws -> [String] {
    try events.first(subscription, limit: limit).map { String($0.eventID.dropFirst("the-secret-id-".count)) }
  }

  private func due(excluding: Set<String> = [], limit: Int = 100) throws -> [String] {
    try events.due(at: fixture.now(), excluding: excluding, limit: limit)
  }

  @Test("what was accepted comes out whole and in its order, also after a restart")
  func order() async throws {
    try await fixture.active("s1")
    try await fixture.active("s2")
    for number in 1...4 {
      #expect(try await fixture.accept("s1", number) == .queued)
      #expect(try await fixture.accept("s2", 10 + number) == .queued)
    }
    for stores in [fixture.stores, try fixture.reopened()] {
      var expected = fixture.event("s1", 1)
      expected.number = 1
      #expect(try stores.events.first("s1", limit: 1) == [expected])
      #expect(try stores.events.first("s1", limit: 9).map(\.number) == [1, 3, 5, 7])
    }
    #expect(try ids("s1", limit: 3) == ["1", "2", "3"] && ids("s2") == ["11", "12", "13", "14"] && ids("s3") == [])
  }

  @Test(
    "what is due is looked through in portions, each head once, and what is not due yet is not seen", arguments: [1, 3, 4, 100])
  func portions(size: Int) async throws {
    // Some are due at the same moment.
    for number in 1...7 {
      try await fixture.active("s\(number)")
      #expect(try await fixture.accept("s\(number)", number, due: number == 7 ? 60 : Int64(-number / 3)) == .queued)
      #expect(try await fixture.accept("s\(number)", 10 + number) == .queued)
    }
    var (found, place): ([String], QueuePlace?) = ([], nil)
    for _ in 0..<10 {
      let portion = try events.due(at: fixture.now(), from: place, limit: size)
      #expect(portion.ids.count <= size)
      found += portion.ids
      place = portion.next
      guard place != nil else { break }
    }
    #expect(place == nil && found == ["s6", "s3", "s4", "s5", "s1", "s2"])
  }

  @Test("it takes nothing for what has ended or was never there, and takes it for what waits for its backend")
  func ended() async throws {
    try await fixture.insert(fixture.subscription("s1"))
    #expect(try await fixture.accept("s1", 1) == .queued)
    #expect(try await fixture.accept("s2", 1) == .ended)
    _ = try await fixture.end("s1")
    #expect(try await fixture.accept("s1", 2) == .ended)
    #expect(try await fixture.accept("s1", 1) == .ended)
    #expect(try events.depths().waiting == 0)
  }

  @Test("one that came before is known, queued, delivered or given up, and after a restart; for another subscription it is new")
  func duplicates() async throws {
    try await fixture.active("s1")
    try await fixture.active("s2")
    for number in 1...3 { #expect(try await fixture.accept("s1", number) == .queued) }
    let queued = try events.first("s1", limit: 3)
    _ = try await events.settle(queued[0], counts: true)
    try await events.bury(queued[1], failure: "500", at: fixture.now())
    let reopened = try fixture.reopened().events
    for number in 1...3 {
      #expect(try await fixture.accept("s1", number) == .duplicate)
      #expect(
        try await reopened.accept(fixture.event("s1", number), waitingMaximum: 9, totalMaximum: 9) == .duplicate)
    }
    #expect(try await fixture.accept("s2", 1) == .queued)
    // The same id of another source is another event; what divides the two is no part of either.
    for (source, id) in [("https://other.example", "the-secret-id-1"), ("a", "bc"), ("ab", "c")] {
      var event = fixture.event("s1", 1)
      (event.source, event.eventID) = (source, id)
      #expect(try await events.accept(event, waitingMaximum: 9, totalMaximum: 9) == .queued)
    }
  }

  @Test("an id is kept for three days, and for as long as its event is there")
  func forgetting() async throws {
    try await fixture.active("s1")
    for number in 1...3 { #expect(try await fixture.accept("s1", number) == .queued) }
    let queued = try events.first("s1", limit: 3)
    _ = try await events.settle(queued[0], counts: true)
    try await events.bury(queued[1], failure: "500", at: fixture.now())
    fixture.time.advance(seconds: 3 * 86_400)
    try fixture.database.sweep()
    #expect(try await fixture.accept("s1", 1) == .duplicate)
    fixture.time.advance(seconds: 1)
    try fixture.database.sweep()
    #expect(try await fixture.accept("s1", 2) == .duplicate)
    #expect(try await fixture.accept("s1", 3) == .duplicate)
    #expect(try await fixture.accept("s1", 1) == .queued)
    // Of the dead letter it goes with it.
    #expect(try await events.discard(.numbers([queued[1].number])) == 1)
    try fixture.database.sweep()
    #expect(try await fixture.accept("s1", 2) == .queued)
  }

  @Test("a full queue takes no more, its own or all together; one that came before is still known")
  func bounds() async throws {
    try await fixture.active("s1")
    try await fixture.active("s2")
    for number in 1...2 { #expect(try await fixture.accept("s1", number, waitingMaximum: 2) == .queued) }
    #expect(try await fixture.accept("s1", 3, waitingMaximum: 2) == .full)
    #expect(try await fixture.accept("s1", 2, waitingMaximum: 2) == .duplicate)
    #expect(try await fixture.accept("s2", 3, waitingMaximum: 2, totalMaximum: 2) == .full)
    #expect(try await fixture.accept("s2", 3, waitingMaximum: 2, totalMaximum: 3) == .queued)
    // What was refused left no trace: it can come again.
    _ = try await events.settle(events.first("s1", limit: 1)[0], counts: false)
    #expect(try await fixture.accept("s1", 3, waitingMaximum: 2, totalMaximum: 3) == .queued)
  }

  @Test("what is due is asked of the heads alone, the longest due first")
  func dueness() async throws {
    for id in ["s1", "s2", "s3"] { try await fixture.active(id) }
    #expect(try events.nextDue() == nil)
    #expect(try await fixture.accept("s1", 1, due: 30) == .queued)
    #expect(try await fixture.accept("s1", 2) == .queued)
    #expect(try await fixture.accept("s2", 3, due: 10) == .queued)
    #expect(try await fixture.accept("s3", 4, due: 20) == .queued)
    #expect(try due() == [] && events.nextDue() == fixture.now(plus: 10))
    fixture.time.advance(seconds: 20)
    #expect(try due() == ["s2", "s3"] && due(limit: 1) == ["s2"])
    #expect(try due(excluding: ["s2"]) == ["s3"] && due(excluding: ["s2"], limit: 1) == ["s3"] && due(limit: 0) == [])
    // Behind the head of s1 waits one that was due all along: it has its turn when the head is gone.
    _ = try await events.settle(events.first("s1", limit: 1)[0], counts: false)
    #expect(try due() == ["s1", "s2", "s3"])
  }

  @Test("a head that is put off keeps those behind it waiting, and says how often and why")
  func puttingOff() async throws {
    try await fixture.active("s1")
    for number in 1...2 { #expect(try await fixture.accept("s1", number) == .queued) }
    let head = try events.first("s1", limit: 1)[0]
    try await events.putOff(head, dueAt: fixture.now(plus: 60), failure: "503")
    #expect(try due() == [] && events.nextDue() == fixture.now(plus: 60))
    #expect(
      try events.depth("s1")
        == EventDepths(
          waiting: 2, dead: 0, oldest: fixture.now(),
          head: EventDepths.Head(attempts: 1, dueAt: fixture.now(plus: 60), failure: "503")))
    for stores in [fixture.stores, try fixture.reopened()] {
      let head = try stores.events.first("s1", limit: 1)[0]
      #expect(head.attempts == 1 && head.failure == "503" && head.dueAt == fixture.now(plus: 60))
    }
    fixture.time.advance(seconds: 60)
    #expect(try due() == ["s1"])
    try await events.bury(head, failure: "503", at: fixture.now())
    #expect(try ids("s1") == ["2"] && due() == ["s1"])
  }

  @Test("what was put off untried has as many tries left as before")
  func puttingOffUntried() async throws {
    try await fixture.active("s1")
    #expect(try await fixture.accept("s1", 1) == .queued)
    let head = try events.first("s1", limit: 1)[0]
    for (isTried, attempts) in [(false, 0), (true, 1), (false, 1), (true, 2)] {
      try await events.putOff(head, dueAt: fixture.now(plus: 60), failure: "paused", isTried: isTried)
      let head = try events.first("s1", limit: 1)[0]
      #expect(head.attempts == attempts && head.failure == "paused" && head.dueAt == fixture.now(plus: 60))
    }
    #expect(try events.nextDue() == fixture.now(plus: 60))
  }

  @Test("an event counts once towards the end of its subscription: delivered, given up, or both")
  func counting() async throws {
    try await fixture.active("s1")
    for number in 1...4 { #expect(try await fixture.accept("s1", number) == .queued) }
    let queued = try events.first("s1", limit: 9)
    #expect(try await events.settle(queued[0], counts: true) == 1)
    #expect(try await events.settle(queued[0], counts: true) == 1)
    #expect(try await events.settle(queued[1], counts: false) == 1)
    #expect(try await events.bury(queued[2], failure: "500", at: fixture.now()) == 2)
    #expect(try await events.bury(queued[2], failure: "500", at: fixture.now()) == 2)
    #expect(try await events.replay(.numbers([queued[2].number]), at: fixture.now()) == 1)
    #expect(try await events.settle(queued[3], counts: true) == 3)
    let replayed = try events.first("s1", limit: 1)[0]
    #expect(try await events.settle(replayed, counts: true) == 3)
    #expect(try fixture.stores.subscriptions.find(id: "s1")?.eventCount == 3)
    var farewell = fixture.event("s1", 9, isLifecycle: true)
    #expect(try await events.accept(farewell, waitingMaximum: 9, totalMaximum: 9) == .queued)
    farewell = try events.first("s1", limit: 1)[0]
    #expect(try await events.bury(farewell, failure: "500", at: fixture.now()) == 3)
  }

  @Test("dead letters are listed without what they say, and go back in their order behind what waits")
  func deadLetters() async throws {
    try await fixture.active("s1")
    try await fixture.active("s2")
    for number in 1...3 { #expect(try await fixture.accept("s1", number) == .queued) }
    #expect(try await fixture.accept("s2", 4) == .queued)
    for id in ["s1", "s2"] {
      for event in try events.first(id, limit: 2) { try await events.bury(event, failure: "410", at: fixture.now(plus: 5)) }
    }
    #expect(try events.deadLetters(subscription: nil, limit: 9).map(\.number) == [4, 2, 1])
    #expect(try events.deadLetters(subscription: nil, limit: 2).map(\.number) == [4, 2])
    #expect(
      try events.deadLetters(subscription: "s1", limit: 1) == [
        DeadLetter(
          number: 2, subscription: "s1", client: client, type: "org.one", time: fixture.now(plus: -1),
          buriedAt: fixture.now(plus: 5), attempts: 1, failure: "410")
      ])
    #expect(try events.depths() == EventDepths(waiting: 1, dead: 3, oldest: fixture.now()))
    #expect(try events.longest(limit: 9) == ["s1", "s2"] && events.longest(limit: 1) == ["s1"])
    fixture.time.advance(seconds: 60)
    #expect(try await events.replay(.of(subscription: "s1"), at: fixture.now()) == 2)
    #expect(try ids("s1") == ["3", "1", "2"])
    let replayed = try events.first("s1", limit: 9)[1]
    #expect(replayed.number == 5 && replayed.attempts == 0 && replayed.acceptedAt == fixture.now() && replayed.failure == nil)
    #expect(replayed.data == fixture.event("s1", 1).data)
    // Nothing is replayed or discarded twice.
    #expect(try await events.replay(.numbers([1, 2]), at: fixture.now()) == 0)
    #expect(try await events.discard(.numbers([4, 4, 77])) == 1)
    #expect(try await events.discard(.of(subscription: "s2")) == 0)
    #expect(try events.deadLetters(subscription: nil, limit: 9) == [])
    #expect(try events.depth("s2") == EventDepths(waiting: 0, dead: 0, oldest: nil))
  }

  @Test("dead letters of a subscription that has ended stay where they are, for 30 days")
  func deadOfEnded() async throws {
    try await fixture.active("s1")
    #expect(try await fixture.accept("s1", 1) == .queued)
    try await events.bury(events.first("s1", limit: 1)[0], failure: "410", at: fixture.now())
    _ = try await fixture.end("s1")
    #expect(try await events.replay(.numbers([1]), at: fixture.now()) == 0)
    #expect(try await events.replay(.of(subscription: "s1"), at: fixture.now()) == 0)
    #expect(try events.deadLetters(subscription: "s1", limit: 9).count == 1)
    fixture.time.advance(seconds: 30 * 86_400 + 1)
    try fixture.database.sweep()
    #expect(try events.deadLetters(subscription: "s1", limit: 9).isEmpty && events.depths().dead == 0)
  }

  @Test("many dead letters go back in portions, and none is left or lost")
  func portions() async throws {
    try await fixture.active("s1")
    for number in 1...1201 { #expect(try await fixture.accept("s1", number, waitingMaximum: 2000) == .queued) }
    for event in try events.first("s1", limit: 2000) { try await events.bury(event, failure: "timeout", at: fixture.now()) }
    #expect(try await events.replay(.of(subscription: "s1"), at: fixture.now()) == 1201)
    #expect(try ids("s1", limit: 2000) == (1...1201).map { "\($0)" })
    #expect(try events.depth("s1").dead == 0)
  }

  @Test("an acceptance that fails in the middle leaves nothing: neither event nor count nor id")
  func whole() async throws {
    try await fixture.active("s1")
    try fixture.database.writeNow {
      try $0.execute("CREATE TRIGGER full BEFORE INSERT ON event_ids BEGIN SELECT RAISE(ABORT, 'full'); END")
    }
    await #expect(throws: StoreError.constraint("full")) { try await fixture.accept("s1", 1) }
    #expect(try events.depths().waiting == 0 && events.nextDue() == nil)
    try fixture.database.writeNow { try $0.execute("DROP TRIGGER full") }
    #expect(try await fixture.accept("s1", 1) == .queued)
  }

  @Test("what is on the disk names neither event nor source nor data, and opens in no other row")
  func sealed() async throws {
    try await fixture.active("s1")
    for number in 1...3 { #expect(try await fixture.accept("s1", number) == .queued) }
    try await events.bury(events.first("s1", limit: 1)[0], failure: "500", at: fixture.now())
    try fixture.database.writeNow {
      try $0.execute("UPDATE queued_events SET sealed = (SELECT sealed FROM queued_events WHERE number = 2) WHERE number = 3")
    }
    #expect(try events.first("s1", limit: 1).count == 1)
    #expect(throws: StoreError.malformedRow(table: "queued_events", column: "sealed")) { try events.first("s1", limit: 2) }
    fixture.database.close()
    try fixture.expectAbsent(["the-secret"])
  }
}

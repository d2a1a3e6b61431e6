import Bytes
import Testing

@testable import Simulator

/// The life of what calls make.
@Suite struct ResourceTests {
  private static let now = Timestamp(seconds: 1_700_000_000)

  private struct Thing: Resource {
    let id: String
    var progress: Progress
    static let keptSeconds = 60
    var isOver: Bool { progress.status == "OVER" }
  }

  private static func thing(_ id: String, overAfter seconds: Int64 = 1000) -> Thing {
    let plan = [
      Progress.Step(time: now.adding(seconds: 10), status: "READY"),
      .init(time: now.adding(seconds: seconds), status: "OVER", reason: "TIME"),
    ]
    return Thing(id: id, progress: Progress("NEW", since: now, plan: plan))
  }

  @Test func statesComeAtTheirTime() throws {
    let shelf = Shelf<Thing>(maximum: 10)
    try shelf.add(Self.thing("a"), at: Self.now)
    func status(_ seconds: Int64) throws -> String { try shelf.find("a", at: Self.now.adding(seconds: seconds)).progress.status }
    #expect(try status(9) == "NEW")
    #expect(try status(10) == "READY")
    let over = try shelf.find("a", at: Self.now.adding(seconds: 1030)).progress
    #expect(over.status == "OVER" && over.reason == "TIME" && over.since == Self.now.adding(seconds: 1000))
  }

  @Test func whatIsOverIsForgottenAfterAWhile() throws {
    let shelf = Shelf<Thing>(maximum: 10)
    try shelf.add(Self.thing("a"), at: Self.now)
    #expect(try shelf.find("a", at: Self.now.adding(seconds: 1059)).isOver)
    #expect(throws: BackendError.notFound) { try shelf.find("a", at: Self.now.adding(seconds: 1060)) }
    #expect(shelf.count == 0)
  }

  @Test func forOneMoreTheOldestIsForgotten() throws {
    let shelf = Shelf<Thing>(maximum: 3)
    for id in ["a", "b", "c", "d"] { try shelf.add(Self.thing(id), at: Self.now) }
    #expect(shelf.all(at: Self.now).map(\.id) == ["b", "c", "d"])
    try shelf.remove("c", at: Self.now)
    try shelf.add(Self.thing("e"), at: Self.now)
    #expect(shelf.all(at: Self.now).map(\.id) == ["b", "d", "e"])
    for count in 0..<1000 { try shelf.add(Self.thing("\(count)"), at: Self.now) }
    #expect(shelf.all(at: Self.now).map(\.id) == ["997", "998", "999"])
  }

  @Test func aChangeThatIsRefusedChangesNothing() throws {
    let shelf = Shelf<Thing>(maximum: 3)
    try shelf.add(Self.thing("a"), at: Self.now)
    #expect(throws: BackendError.notApplicable) {
      _ = try shelf.update("a", at: Self.now) { thing throws(BackendError) in
        thing.progress.move(to: "OVER", at: Self.now)
        throw BackendError.notApplicable
      }
    }
    #expect(try shelf.find("a", at: Self.now).progress.status == "NEW")
    let moved = try shelf.update("a", at: Self.now) { $0.progress.move(to: "OVER", at: Self.now) }
    #expect(moved.isOver && moved.progress.plan.isEmpty)
    #expect(throws: BackendError.notFound) { try shelf.remove("b", at: Self.now) }
  }

  @Test func aConflictKeepsTheNewOneOut() throws {
    let shelf = Shelf<Thing>(maximum: 3)
    #expect(throws: BackendError.notApplicable) {
      try shelf.add(Self.thing("a"), at: Self.now) { _ throws(BackendError) in throw BackendError.notApplicable }
    }
    #expect(shelf.count == 0)
  }

  private static func session(_ profile: String, seconds: Int, fails: Bool = false) throws -> QoSSession {
    let data = try SimulatedOperator.shipped()
    return QoSSession(
      "+33639980001", data.qosProfile(profile)!, durationSeconds: seconds, request: [:], flow: [], fails: fails, at: now)
  }

  @Test func aSessionIsThereForItsTimeAndCanBeExtended() throws {
    var session = try Self.session("QOS_E", seconds: 100)
    #expect(session.progress.status == "AVAILABLE" && session.started == Self.now)
    try session.extend(seconds: 50)
    session.progress.settle(at: Self.now.adding(seconds: 149))
    #expect(session.progress.status == "AVAILABLE")
    session.progress.settle(at: Self.now.adding(seconds: 150))
    #expect(session.progress.status == "UNAVAILABLE" && session.progress.reason == "DURATION_EXPIRED")
    #expect(throws: BackendError.self) { try session.extend(seconds: 1) }
  }

  @Test func aSessionThatIsRequestedCannotBeExtended() throws {
    var session = try Self.session("QOS_S", seconds: 100)
    #expect(session.progress.status == "REQUESTED")
    #expect(throws: BackendError.self) { try session.extend(seconds: 1) }
    var failing = try Self.session("QOS_E", seconds: 100, fails: true)
    failing.progress.settle(at: Self.now.adding(seconds: 1))
    #expect(failing.progress.reason == "NETWORK_TERMINATED" && failing.isOver)
  }

  /// Money never goes through a binary fraction.
  @Test(
    arguments: [("9.99", 9990), ("0.001", 1), ("200", 200_000), ("0.0001", nil), ("-1", nil), ("1e2", nil), (#""1""#, nil)]
      as [(String, Int?)])
  func amountsAreThousandths(_ text: String, _ count: Int?) throws {
    let amount = Thousandths(try JSONDocument(Array(text.utf8)).root)
    #expect(amount?.count == count)
    if let amount { #expect(amount.json == .raw(Array(text.utf8))) }
  }
}

import Bytes
import Synchronization
import Wire

@testable import Events

/// The way to all sinks, as the test has it: what happens before an event is written, and what its sink answers.
final class FakeTransport: EventTransport {
  typealias Happening = @Sendable (OutgoingEvent) async -> Void
  typealias Answer = @Sendable (OutgoingEvent) async -> DeliveryOutcome

  private let state = Mutex<(before: Happening, answer: Answer)>(({ _ in }, { _ in .accepted }))
  private let written = Mutex<[OutgoingEvent]>([])
  private let began = Atomic<Int>(0)
  private let wasElsewhere = Atomic<Bool>(false)

  /// What was written, in order.
  var sent: [OutgoingEvent] { written.withLock { $0 } }
  /// Tries that came so far, those that wrote nothing among them.
  var tries: Int { began.load(ordering: .relaxed) }
  /// True when a question came from another thread than it must: the judge is confined to the loop.
  var isConfined: Bool { !wasElsewhere.load(ordering: .relaxed) }

  func before(_ happening: @escaping Happening) { state.withLock { $0.before = happening } }
  func answer(_ answer: @escaping Answer) { state.withLock { $0.answer = answer } }
  func answer(_ outcome: DeliveryOutcome) { answer { _ in outcome } }

  func send(_ event: OutgoingEvent, isStillPermitted: @escaping @Sendable () -> Bool) async -> DeliveryOutcome {
    began.add(1, ordering: .relaxed)
    let (before, answer) = state.withLock { $0 }
    await before(event)
    if EventLoop.current == nil { wasElsewhere.store(true, ordering: .relaxed) }
    guard isStillPermitted() else { return .notSent }
    written.withLock { $0.append(event) }
    return await answer(event)
  }
}

extension OutgoingEvent {
  var json: JSONValue? { try? JSONDocument(body).root }
  var eventID: String { json?["id"]?.string ?? "" }
  var type: String { json?["type"]?.string ?? "" }
  /// The names of the members of `data`, and of each its text or number.
  var data: [String: String] {
    let members = json?["data"]?.keys ?? []
    return Dictionary(
      uniqueKeysWithValues: members.map { ($0.name, $0.value.string ?? String(decoding: $0.value.raw, as: UTF8.self)) })
  }
}

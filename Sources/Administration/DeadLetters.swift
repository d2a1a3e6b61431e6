import Bytes
import Ledger
import Store
import Wire

extension AdminAPI {
  /// Numbers that one request names at most.
  private static let numbersMaximum = 10_000

  /// `GET /admin/v1/events/dead?subscription=&limit=`: events that were given up, the newest first. What they say is not shown.
  func listDeadLetters(_ request: AdminRequest) async throws -> HTTPResponse {
    try request.allow("subscription", "limit")
    let (id, limit) = (request.query["subscription"], try request.limit())
    if let id { _ = try subscription(id) }
    let letters = try await Self.offLoop { [events = dependencies.stores.events] in
      try events.deadLetters(subscription: id, limit: limit)
    }
    var writer = JSONWriter()
    writer.beginArray()
    for letter in letters { Self.write(letter, to: &writer) }
    writer.endArray()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `POST /admin/v1/events/dead/replay` with `{"numbers"}` or `{"subscription"}`: they are delivered again, behind what waits, each
  /// decided about as if it had come now. Those of subscriptions that have ended stay.
  func replayDeadLetters(_ request: AdminRequest) async throws -> HTTPResponse {
    let now = dependencies.time.now()
    return try await act(on: request, event: "admin.events_replayed") { [wake = dependencies.eventsQueued] queue, letters in
      // Also when it fails in between: what was moved until then waits.
      defer { wake?() }
      return try await queue.replay(letters, at: now)
    }
  }

  /// `POST /admin/v1/events/dead/discard` with `{"numbers"}` or `{"subscription"}`: they are gone for good.
  func discardDeadLetters(_ request: AdminRequest) async throws -> HTTPResponse {
    try await act(on: request, event: "admin.events_discarded") { try await $0.discard($1) }
  }

  /// Each act sends data, or destroys it: its entry is first.
  private func act(
    on request: AdminRequest, event: String, _ act: (any EventQueue, DeadLetters) async throws -> Int
  ) async throws -> HTTPResponse {
    let letters = try Self.letters(request)
    var count = 0
    try await recorded(try entry(event, letters)) { count = try await act(dependencies.stores.events, letters) }
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("count", count)
    writer.endObject()
    return HTTPResponse.json(200, writer.bytes)
  }

  private static func letters(_ request: AdminRequest) throws -> DeadLetters {
    var body = try request.object()
    let id = try body.optionalString("subscription")
    let numbers = try body.optionalArray("numbers")
    try body.finish()
    switch (id, numbers) {
    case (let id?, nil): return .of(subscription: id)
    case (nil, let values?):
      guard (1...numbersMaximum).contains(values.count) else {
        throw AdminError.invalid("numbers wants 1 to \(numbersMaximum) of them")
      }
      return .numbers(
        try values.map { value in
          guard let number = value.integer, number > 0 else { throw value.error("\"numbers\" wants numbers of dead letters") }
          return number
        })
    // Nothing named is not everything.
    default: throw AdminError.invalid("name either numbers or a subscription")
    }
  }

  private func entry(_ event: String, _ letters: DeadLetters) throws -> LedgerEntry {
    switch letters {
    case .of(let id): return Self.entry(event, try subscription(id).record)
    case .numbers(let numbers):
      // Which ones, as far as an entry has room for it.
      let first = Set(numbers).sorted().prefix(100).map(String.init).joined(separator: " ")
      return LedgerEntry(
        event: event, detail: [LedgerEntry.Detail("numbers", first), LedgerEntry.Detail("named", "\(Set(numbers).count)")])
    }
  }

  private static func write(_ letter: DeadLetter, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("number", letter.number)
    writer.field("subscription", letter.subscription)
    writer.field("client_id", letter.client.rawValue)
    writer.field("type", letter.type)
    writer.field("time", letter.time.rfc3339)
    writer.field("buried_at", letter.buriedAt.rfc3339)
    writer.field("attempts", letter.attempts)
    writer.field("failure", letter.failure)
    writer.endObject()
  }
}

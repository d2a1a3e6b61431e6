import Bytes
import Identifiers
import JOSE
import Store
import Testing

@Suite("One-time codes")
struct OneTimeCodesTests {
  static let number = MSISDN(e164: "+33612345678")!

  private func request(
    _ fixture: Fixture, _ interaction: String = "handle", number: MSISDN = number, source: String = "192.0.2.1"
  ) -> OneTimeCodeRequest {
    OneTimeCodeRequest(
      interaction: digest(interaction), number: number, source: source, createdAt: fixture.now(),
      expiresAt: fixture.now(plus: 300))
  }

  /// Issues and arms a code.
  private func send(_ fixture: Fixture, _ code: String, _ interaction: String = "handle", number: MSISDN = number) async throws {
    let codes = fixture.stores.oneTimeCodes
    guard case .issued(let serial) = try await codes.issue(request(fixture, interaction, number: number), limits: .init()) else {
      Issue.record("not issued")
      return
    }
    #expect(try await codes.arm(interaction: digest(interaction), serial: serial, number: number, code: code))
  }

  private func attempt(_ stores: Stores, _ code: String, _ interaction: String = "handle") async throws -> OneTimeCodeAttempt {
    try await stores.oneTimeCodes.attempt(interaction: digest(interaction), code: code, attemptsMaximum: 5)
  }

  @Test("it is right once, in its interaction alone")
  func once() async throws {
    let fixture = try Fixture()
    #expect(try await attempt(fixture.stores, "123456") == .none)
    try await send(fixture, "123456")
    #expect(try fixture.stores.oneTimeCodes.isOpen(interaction: digest("handle"), attemptsMaximum: 5))
    #expect(try await attempt(fixture.stores, "123456", "other") == .none)
    #expect(try await attempt(fixture.stores, "654321") == .wrong)
    #expect(try await attempt(fixture.stores, "123456") == .right(Self.number))
    #expect(try await attempt(fixture.stores, "123456") == .used)
    #expect(try !fixture.stores.oneTimeCodes.isOpen(interaction: digest("handle"), attemptsMaximum: 5))
  }

  @Test("before it is armed nothing is right, and afterwards it cannot be armed anew")
  func arming() async throws {
    let fixture = try Fixture()
    let codes = fixture.stores.oneTimeCodes
    #expect(try await codes.issue(request(fixture), limits: .init()) == .issued(serial: 1))
    for code in ["", "000000", "123456"] { #expect(try await attempt(fixture.stores, code) == .wrong) }
    #expect(try await codes.arm(interaction: digest("handle"), serial: 1, number: Self.number, code: "123456"))
    #expect(try await !codes.arm(interaction: digest("handle"), serial: 1, number: Self.number, code: "654321"))
    #expect(try await !codes.arm(interaction: digest("handle"), serial: 2, number: Self.number, code: "654321"))
    #expect(try await attempt(fixture.stores, "123456") == .right(Self.number))
  }

  @Test("after five attempts the right one is refused too, also by another process")
  func attempts() async throws {
    let fixture = try Fixture()
    try await send(fixture, "123456")
    for _ in 0..<4 { #expect(try await attempt(fixture.stores, "000000") == .wrong) }
    #expect(try await attempt(fixture.stores, "000000") == .exhausted)
    #expect(try await attempt(fixture.reopened(), "123456") == .exhausted)
    // The next code counts from nothing, and the old one is gone with it.
    try await send(fixture, "234567")
    #expect(try await attempt(fixture.stores, "123456") == .wrong)
    #expect(try await attempt(fixture.stores, "234567") == .right(Self.number))
  }

  @Test("of 50 attempts at once five are compared")
  func race() async throws {
    let fixture = try Fixture()
    try await send(fixture, "123456")
    let outcomes = try await withThrowingTaskGroup(of: OneTimeCodeAttempt.self) { group in
      for _ in 0..<50 { group.addTask { try await attempt(fixture.stores, "000000") } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.filter { $0 == .wrong }.count == 4 && outcomes.filter { $0 == .exhausted }.count == 46)
  }

  @Test("it lives five minutes", arguments: [(299.0, true), (300.0, false)])
  func expiry(seconds: Double, isGood: Bool) async throws {
    let fixture = try Fixture()
    try await send(fixture, "123456")
    fixture.time.advance(seconds: seconds)
    #expect(try fixture.stores.oneTimeCodes.isOpen(interaction: digest("handle"), attemptsMaximum: 5) == isGood)
    #expect(try await attempt(fixture.stores, "123456") == (isGood ? .right(Self.number) : .expired))
  }

  @Test("three an interaction")
  func interactionLimit() async throws {
    let fixture = try Fixture()
    for _ in 0..<3 { try await send(fixture, "123456") }
    #expect(try await fixture.stores.oneTimeCodes.issue(request(fixture), limits: .init()) == .tooManyForInteraction)
  }

  @Test("five a number and hour, over a restart, whoever asks")
  func numberLimit() async throws {
    let fixture = try Fixture()
    for index in 0..<5 {
      let issue = try await fixture.stores.oneTimeCodes.issue(
        request(fixture, "i\(index)", source: "192.0.2.\(index)"), limits: .init())
      #expect(issue == .issued(serial: 1))
    }
    let again = try fixture.reopened()
    #expect(try await again.oneTimeCodes.issue(request(fixture, "x", source: "192.0.2.99"), limits: .init()) == .tooManyForNumber)
    fixture.time.advance(seconds: 3599)
    _ = try fixture.database.sweep()
    #expect(try await again.oneTimeCodes.issue(request(fixture, "x"), limits: .init()) == .tooManyForNumber)
    fixture.time.advance(seconds: 2)
    _ = try fixture.database.sweep()
    #expect(try await again.oneTimeCodes.issue(request(fixture, "x"), limits: .init()) == .issued(serial: 1))
  }

  @Test("twenty a source and hour, whatever the number")
  func sourceLimit() async throws {
    let fixture = try Fixture()
    for index in 0..<20 {
      let number = MSISDN(e164: "+336123456\(10 + index)")!
      #expect(
        try await fixture.stores.oneTimeCodes.issue(request(fixture, "i\(index)", number: number), limits: .init())
          == .issued(serial: 1))
    }
    #expect(try await fixture.stores.oneTimeCodes.issue(request(fixture, "x"), limits: .init()) == .tooManyFromSource)
    #expect(
      try await fixture.stores.oneTimeCodes.issue(request(fixture, "x", source: "192.0.2.2"), limits: .init())
        == .issued(serial: 1))
  }

  @Test("neither number nor code nor source can be read in the file")
  func secrecy() async throws {
    let fixture = try Fixture()
    try await send(fixture, "123456")
    let rows = try fixture.database.read { connection in
      let row = try connection.statement("SELECT number, source, sealed, code FROM one_time_codes")
      guard try row.step() else { return [[UInt8]]() }
      return (0..<4).map { row.blob($0) }
    }
    #expect(rows.count == 4 && rows[3].count == 32)
    for text in ["612345678", "123456", "192.0.2.1"] {
      for row in rows { #expect(!String(decoding: row, as: UTF8.self).contains(text)) }
    }
    #expect(rows[0] != HMACKey([UInt8](repeating: 1, count: 32)).authenticate(Array(Self.number.e164.utf8)).bytes)
  }
}

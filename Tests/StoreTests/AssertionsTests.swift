import Bytes
import Identifiers
import Store
import Testing

@Suite("Client assertions")
struct AssertionsTests {
  @Test("a jti works once for a client; another client may use the same")
  func once() async throws {
    let fixture = try Fixture()
    let memory = fixture.stores.assertions
    let expiry = fixture.now(plus: 300)
    #expect(try await memory.useOnce(client: client, jti: "j1", expiresAt: expiry))
    #expect(try await !memory.useOnce(client: client, jti: "j1", expiresAt: expiry))
    #expect(try await memory.useOnce(client: client, jti: "j2", expiresAt: expiry))
    #expect(try await memory.useOnce(client: ClientID(rawValue: "client-2")!, jti: "j1", expiresAt: expiry))
  }

  @Test("client and jti cannot be cut in another place")
  func boundary() async throws {
    let memory = try Fixture().stores.assertions
    let expiry = Timestamp(seconds: 2_000_000_000)
    #expect(try await memory.useOnce(client: ClientID(rawValue: "ab")!, jti: "c", expiresAt: expiry))
    #expect(try await memory.useOnce(client: ClientID(rawValue: "a")!, jti: "bc", expiresAt: expiry))
  }

  @Test("of 50 that use one jti at once, in two processes, exactly one is first")
  func race() async throws {
    let fixture = try Fixture()
    let other = try fixture.reopened()
    let expiry = fixture.now(plus: 300)
    for round in 0..<10 {
      let firsts = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<50 {
          let memory = number % 2 == 0 ? fixture.stores.assertions : other.assertions
          group.addTask { try await memory.useOnce(client: client, jti: "jti-\(round)", expiresAt: expiry) }
        }
        return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(firsts == 1)
    }
  }

  @Test("a jti stays used after a restart")
  func restart() async throws {
    let fixture = try Fixture()
    #expect(try await fixture.stores.assertions.useOnce(client: client, jti: "j", expiresAt: fixture.now(plus: 300)))
    fixture.database.close()
    #expect(try await !fixture.reopened().assertions.useOnce(client: client, jti: "j", expiresAt: fixture.now(plus: 300)))
  }

  @Test("what expired is swept in portions, what is good is not")
  func sweeping() async throws {
    let fixture = try Fixture()
    let memory = fixture.stores.assertions
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<700 {
        group.addTask { _ = try await memory.useOnce(client: client, jti: "old-\(number)", expiresAt: fixture.now(plus: 60)) }
      }
      try await group.waitForAll()
    }
    #expect(try fixture.database.sweep() == 0)
    fixture.time.advance(seconds: 60 + 600 + 1)
    _ = try await memory.useOnce(client: client, jti: "new", expiresAt: fixture.now(plus: 60))
    #expect(try fixture.database.sweep() == 500)
    #expect(try fixture.database.sweep() == 200)
    #expect(try fixture.database.sweep() == 0)
    #expect(try await !memory.useOnce(client: client, jti: "new", expiresAt: fixture.now(plus: 60)))
  }
}

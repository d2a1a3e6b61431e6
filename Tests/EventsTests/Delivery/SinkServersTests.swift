import Identifiers
import Testing

@testable import Events

/// Turns and pauses of the servers behind sinks.
@Suite struct SinkServersTests {
  private static let second: UInt64 = 1_000_000_000

  private func client(_ number: Int) -> ClientID { ClientID(rawValue: "c\(number)")! }

  private func party(_ server: String = "a.example", _ number: Int = 0) -> SinkServers.Party {
    SinkServers.Party(sink: "https://\(server)/x", client: client(number))
  }

  @Test func sinksOfOneServerAreOneParty() {
    let party = SinkServers.Party(sink: "https://A.example:443/x?y", client: client(0))
    #expect(party == SinkServers.Party(sink: "https://a.example/z", client: client(0)) && party.server == "a.example")
    #expect(party != SinkServers.Party(sink: "https://a.example:444/z", client: client(0)))
    #expect(SinkServers.Party(sink: "no address", client: client(0)).server == "")
  }

  @Test(arguments: [(256, 64, 128), (8, 2, 4), (4, 1, 2), (1, 1, 1)])
  func aServerHasAQuarterOfTheTurnsAndAClientHalf(_ turns: Int, _ ofServer: Int, _ ofClient: Int) {
    var servers = SinkServers(turnsMaximum: turns)
    var count = 0
    // Many clients at one server.
    while servers.hasRoom(party("a.example", count)), count <= turns {
      servers.began(party("a.example", count))
      count += 1
    }
    #expect(count == ofServer)
    #expect(servers.hasRoom(party("b.example", turns + 1)), "another server is not touched")

    servers = SinkServers(turnsMaximum: turns)
    count = 0
    // Many servers of one client.
    while servers.hasRoom(party("s\(count).example")), count <= turns {
      servers.began(party("s\(count).example"))
      count += 1
    }
    #expect(count == ofClient)
    #expect(servers.hasRoom(party("z.example", 1)), "another client is not touched")
    servers.ended(party("s0.example"))
    #expect(servers.hasRoom(party("y.example")))
  }

  @Test func aStrainedServerGetsHalfAndComesBackSlowly() {
    var servers = SinkServers(turnsMaximum: 32)
    func room() -> Int {
      var (copy, count) = (servers, 0)
      while copy.hasRoom(party("a.example", count)), count < 100 {
        copy.began(party("a.example", count))
        count += 1
      }
      return count
    }
    servers.began(party("a.example", 99))
    var rooms: [Int] = []
    for sign in [EventPassage.Sign.strained, .strained, .strained, .strained, .answered, .none, .answered] {
      servers.note(party(), sign, now: 0)
      rooms.append(room() + 1)
    }
    #expect(rooms == [4, 2, 1, 1, 2, 2, 3])
    for _ in 0..<100 { servers.note(party(), .answered, now: 0) }
    #expect(room() + 1 == 8, "never more than its quarter")
    #expect(!servers.isPaused(party(), now: 0))
  }

  @Test func aSilentServerHasOneTurnAndThenRestsLongerAndLonger() {
    var servers = SinkServers(turnsMaximum: 32)
    var now: UInt64 = 5 * Self.second
    servers.began(party("a.example", 1))
    var pauses: [UInt64] = []
    for _ in 0..<11 {
      servers.note(party(), .silent, now: now)
      #expect(!servers.hasRoom(party()), "one alone while it does not answer")
      var pause: UInt64 = 0
      while servers.isPaused(party(), now: now + pause * Self.second) { pause += 1 }
      pauses.append(pause)
      now += pause * Self.second
    }
    #expect(pauses == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60])
    #expect(!servers.isPaused(party("b.example"), now: now))
    servers.ended(party("a.example", 1))
    #expect(servers.hasRoom(party()), "it is remembered, and has room for a probe")
    // The probe is answered: it has its turns again, one after the other.
    servers.began(party())
    servers.note(party(), .answered, now: now)
    #expect(!servers.isPaused(party(), now: now) && servers.hasRoom(party()))
    servers.note(party(), .silent, now: now)
    #expect(!servers.isPaused(party(), now: now), "the count begins anew")
  }

  @Test func thoseThatWereUnderWayTogetherAreOneSilence() {
    var servers = SinkServers(turnsMaximum: 256)
    for number in 0..<50 { servers.began(party("a.example", number)) }
    for number in 0..<50 { servers.note(party("a.example", number), .silent, now: 0) }
    #expect(servers.isPaused(party(), now: Self.second - 1) && !servers.isPaused(party(), now: Self.second))
  }

  @Test func whatIsOrdinaryIsForgotten() {
    var servers = SinkServers(turnsMaximum: 4)
    servers.began(party())
    servers.note(party(), .silent, now: 0)
    servers.ended(party())
    servers.began(party())
    servers.note(party(), .answered, now: 0)
    servers.ended(party())
    // One that nobody knows learns nothing.
    for _ in 0..<10 { servers.note(party(), .silent, now: 0) }
    #expect(servers.hasRoom(party()) && !servers.isPaused(party(), now: 0))
    servers.ended(party())
    #expect(servers.hasRoom(party()))
  }
}

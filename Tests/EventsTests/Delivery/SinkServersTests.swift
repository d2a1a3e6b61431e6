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

  private func isPaused(_ servers: SinkServers, _ party: SinkServers.Party, now: UInt64) -> Bool {
    servers.rest(of: party, now: now) != nil
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
    // One server of one client.
    while servers.hasRoom(party()), count <= turns {
      servers.began(party())
      count += 1
    }
    #expect(count == ofServer)
    #expect(servers.hasRoom(party("a.example", 1)), "what one client does there is nothing to another")
    #expect(servers.hasRoom(party("b.example", 1)))

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

  /// However many are slow, those who come later find something.
  @Test func nobodyBeginsWhoHasAsManyAsAreLeft() {
    var servers = SinkServers(turnsMaximum: 256)
    var counts: [Int] = []
    for number in 0..<9 {
      var count = 0
      while servers.hasRoom(party("a.example", number)) {
        servers.began(party("a.example", number))
        count += 1
      }
      counts.append(count)
    }
    #expect(counts == [64, 64, 64, 32, 16, 8, 4, 2, 1])
  }

  @Test func allThatAreSilentHaveAQuarterTogether() {
    var servers = SinkServers(turnsMaximum: 32)
    for number in 0..<20 {
      servers.began(party("a.example", number))
      servers.note(party("a.example", number), .silent, now: 0)
      servers.ended(party("a.example", number))
    }
    var count = 0
    while count < 20, servers.hasRoom(party("a.example", count)) {
      servers.began(party("a.example", count))
      count += 1
    }
    #expect(count == 8)
    #expect(servers.hasRoom(party("b.example", 19)), "who is not silent has room")
    servers.ended(party("a.example", 0))
    #expect(servers.hasRoom(party("a.example", 19)))
  }

  @Test func aStrainedServerGetsHalfAndComesBackSlowly() {
    var servers = SinkServers(turnsMaximum: 32)
    func room() -> Int {
      var (copy, count) = (servers, 0)
      while copy.hasRoom(party()), count < 100 {
        copy.began(party())
        count += 1
      }
      return count
    }
    servers.began(party())
    var rooms: [Int] = []
    for sign in [EventPassage.Sign.strained, .strained, .strained, .strained, .answered, .none, .answered] {
      servers.note(party(), sign, now: 0)
      rooms.append(room() + 1)
    }
    #expect(rooms == [4, 2, 1, 1, 2, 2, 3])
    for _ in 0..<100 { servers.note(party(), .answered, now: 0) }
    #expect(room() + 1 == 8, "never more than its quarter")
    #expect(!isPaused(servers, party(), now: 0))
  }

  @Test func aSilentServerHasOneTurnAndThenRestsLongerAndLonger() {
    var servers = SinkServers(turnsMaximum: 32)
    var now: UInt64 = 5 * Self.second
    servers.began(party())
    var pauses: [UInt64] = []
    for _ in 0..<11 {
      servers.note(party(), .silent, now: now)
      #expect(!servers.hasRoom(party()), "one alone while it does not answer")
      var pause: UInt64 = 0
      while isPaused(servers, party(), now: now + pause * Self.second) { pause += 1 }
      pauses.append(pause)
      now += pause * Self.second
    }
    #expect(pauses == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60])
    #expect(!isPaused(servers, party("b.example"), now: now))
    #expect(!isPaused(servers, party("a.example", 1), now: now) && servers.hasRoom(party("a.example", 1)))
    servers.ended(party())
    #expect(servers.hasRoom(party()), "it is remembered, and has room for a probe")
    // The probe is answered: it has its turns again, one after the other.
    servers.began(party())
    servers.note(party(), .answered, now: now)
    #expect(!isPaused(servers, party(), now: now) && servers.hasRoom(party()))
    servers.note(party(), .silent, now: now)
    #expect(!isPaused(servers, party(), now: now), "the count begins anew")
  }

  @Test func thoseThatWereUnderWayTogetherAreOneSilence() {
    var servers = SinkServers(turnsMaximum: 256)
    for _ in 0..<50 { servers.began(party()) }
    for _ in 0..<50 { servers.note(party(), .silent, now: 0) }
    #expect(isPaused(servers, party(), now: Self.second - 1) && !isPaused(servers, party(), now: Self.second))
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
    #expect(servers.hasRoom(party()) && !isPaused(servers, party(), now: 0))
  }
}

import Identifiers
import Wire

/// How it stands with the servers behind sinks, so that one that is slow or dead takes no turns from the others.
///
/// Each server has some turns at a time, one alone while it does not answer, and none for a while after it has not answered again and
/// again; each client has some, whatever it names servers. Nobody begins a turn who has as many as are left: however many are slow, some
/// are left. A server is known to each client for itself: what one client's address there does is nothing to the others, who may have
/// theirs at the same hosting company. Confined to the loop of the delivery.
struct SinkServers {
  /// Of whom a turn is.
  struct Party: Hashable, Sendable {
    /// `host:port`; empty for a sink that is no address.
    let server: String
    let client: ClientID

    init(sink: String, client: ClientID) {
      server = WebAddress(sink)?.authority ?? ""
      self.client = client
    }
  }

  private struct Server {
    var underWay = 0
    var room: Int
    /// Silent ones since it answered last.
    var silent = 0
    var pausedUntil: UInt64 = 0
    /// Of those under way, begun while it was silent.
    var probes = 0
  }

  /// So many silent turns before it rests.
  static let silentMaximum = 3
  static let pauseSecondsMaximum: UInt64 = 60
  /// Servers that are remembered although nothing is under way to them.
  private static let rememberedMaximum = 10_000

  private let turnsMaximum: Int
  private let roomOfServer: Int
  private let roomOfClient: Int
  /// Of all servers that are silent together.
  private let roomOfSilent: Int
  private var servers: [Party: Server] = [:]
  private var clients: [ClientID: Int] = [:]
  private var underWay = 0
  private var probes = 0

  /// - Parameter turnsMaximum: of all together; a server has a quarter of them, a client half, all that are silent a quarter.
  init(turnsMaximum: Int) {
    self.turnsMaximum = turnsMaximum
    roomOfSilent = max(1, turnsMaximum / 4)
    roomOfServer = max(1, turnsMaximum / 4)
    roomOfClient = max(1, turnsMaximum / 2)
  }

  func hasRoom(_ party: Party) -> Bool {
    let server = servers[party]
    let left = max(1, turnsMaximum - underWay)
    // While it rests a turn is no more than a look.
    guard (server?.silent ?? 0) == 0 || probes < roomOfSilent else { return false }
    return (server?.underWay ?? 0) < min(server?.room ?? roomOfServer, left)
      && (clients[party.client] ?? 0) < min(roomOfClient, 2 * left)
  }

  /// How long it rests still, in nanoseconds; nil when it does not rest.
  func rest(of party: Party, now: UInt64) -> UInt64? {
    guard let until = servers[party]?.pausedUntil, now < until else { return nil }
    return until - now
  }

  mutating func began(_ party: Party) {
    var server = servers[party] ?? Server(room: roomOfServer)
    server.underWay += 1
    if server.silent > 0 {
      server.probes += 1
      probes += 1
    }
    servers[party] = server
    clients[party.client, default: 0] += 1
    underWay += 1
  }

  mutating func ended(_ party: Party) {
    if let count = clients[party.client] { clients[party.client] = count > 1 ? count - 1 : nil }
    underWay -= 1
    guard var server = servers[party] else { return }
    server.underWay -= 1
    // Which of them it was does not matter: as many end as began.
    if server.probes > 0 {
      server.probes -= 1
      probes -= 1
    }
    // One of which there is nothing to know, and more than can be remembered, are forgotten.
    let isOrdinary = server.silent == 0 && server.room == roomOfServer
    servers[party] =
      server.underWay == 0 && (isOrdinary || servers.count > Self.rememberedMaximum) ? nil : server
  }

  mutating func note(_ party: Party, _ sign: EventPassage.Sign, now: UInt64) {
    guard var server = servers[party] else { return }
    switch sign {
    case .none: return
    case .answered:
      server.silent = 0
      server.room = min(roomOfServer, server.room + 1)
    case .strained:
      server.silent = 0
      server.room = max(1, server.room / 2)
    case .silent:
      // Those that were under way together are one silence.
      guard now >= server.pausedUntil else { return }
      server.silent += 1
      server.room = 1
      if server.silent >= Self.silentMaximum {
        let seconds = min(Self.pauseSecondsMaximum, 1 << UInt64(min(16, server.silent - Self.silentMaximum)))
        server.pausedUntil = now + seconds * 1_000_000_000
      }
    }
    servers[party] = server
  }
}

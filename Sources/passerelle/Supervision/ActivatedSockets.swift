import Glibc
import Wire

/// The sockets that a service manager has opened for this process (`sd_listen_fds(3)`): `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`.
///
/// One that is named `front`, `mutual` or `admin` is for that listener, wherever it listens; one with another name is for the listener
/// whose address it has. What nobody takes is an error: a port that is open and never answered would look like a fault elsewhere.
struct ActivatedSockets {
  /// A listener, by the name of its socket.
  enum Place: String {
    case front, mutual, admin
  }

  private struct Given {
    let descriptor: Int32
    let name: String
    let address: SocketAddress
  }

  private static let firstDescriptor: Int32 = 3
  private var given: [Given] = []

  /// Takes none.
  init() {}

  /// Those of the environment, which is cleared of them; none where they are for another process. Once, before anything is opened.
  ///
  /// - Throws: one line, for a descriptor that is no TCP socket that listens.
  static func ofEnvironment() throws(CommandFailure) -> ActivatedSockets {
    func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    let (process, count, names) = (value("LISTEN_PID"), value("LISTEN_FDS"), value("LISTEN_FDNAMES"))
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) }
    guard let process, Int32(process) == getpid(), let count = count.flatMap({ Int32($0) }), count > 0 else {
      return ActivatedSockets()
    }
    let titles = (names ?? "").split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    var sockets = ActivatedSockets()
    for index in 0..<count {
      let descriptor = firstDescriptor + index
      let name = Int(index) < titles.count ? titles[Int(index)] : ""
      guard let address = ListeningSocket.prepare(descriptor) else {
        throw CommandFailure("LISTEN_FDS: descriptor \(descriptor) (\(name)) is not a TCP socket that listens")
      }
      sockets.given.append(Given(descriptor: descriptor, name: name, address: address))
    }
    return sockets
  }

  /// The socket for a listener; nil when there is none, and it has to open one itself.
  mutating func take(_ place: Place, host: String, port: Int) -> Int32? {
    let wanted = SocketAddress(ip: host, port: port)
    let found =
      given.firstIndex { $0.name == place.rawValue }
      ?? given.firstIndex { Place(rawValue: $0.name) == nil && $0.address == wanted }
    return found.map { given.remove(at: $0).descriptor }
  }

  /// - Throws: one line that names what nobody took.
  func finish() throws(CommandFailure) {
    guard let left = given.first else { return }
    throw CommandFailure(
      "the service manager's socket \"\(left.name)\" (\(left.address.host):\(left.address.port)) is for no listener of the "
        + "configuration; name it front, mutual or admin, or let it listen on one of the configured addresses")
  }
}

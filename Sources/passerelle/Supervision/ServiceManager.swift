import Bytes
import Glibc

/// What a gateway tells the service manager that started it (`sd_notify(3)`): that it serves, reads its files again, stops, and is alive.
/// Datagrams to the socket that `NOTIFY_SOCKET` names; where there is none, nothing is told. Any thread.
struct ServiceManager: Sendable {
  /// As in the environment: a path, or `@` and the rest of an abstract name.
  private let socketName: String?

  /// - Parameter name: the value of `NOTIFY_SOCKET`. Other kinds than local sockets are not served.
  init(_ name: String? = getenv("NOTIFY_SOCKET").map { String(cString: $0) }) {
    socketName = name.flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
  }

  /// It serves, from the start or again after a reload.
  func ready(_ status: String) { tell(["READY=1", "STATUS=\(status)"]) }

  /// It reads its files again; `ready` follows, whatever comes of it.
  func reloading() {
    let microseconds = SystemTime().monotonicNanoseconds() / 1000
    tell(["RELOADING=1", "MONOTONIC_USEC=\(microseconds)", "STATUS=reading configuration, policies, certificates and keys"])
  }

  /// It takes no more connections, and ends within so many seconds.
  func stopping(withinSeconds seconds: Int) {
    tell([
      "STOPPING=1", "EXTEND_TIMEOUT_USEC=\(seconds * 1_000_000)", "STATUS=letting what runs end, \(seconds) s at most",
    ])
  }

  /// It is alive (`Watchdog`).
  func alive() { tell(["WATCHDOG=1"]) }

  private func tell(_ lines: [String]) {
    guard let socketName else { return }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var name = Array(socketName.utf8)
    let isAbstract = name[0] == 0x40
    if isAbstract { name[0] = 0 }
    guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    // An abstract name ends where its length says, a path at its zero byte.
    let length = MemoryLayout<sa_family_t>.size + name.count + (isAbstract ? 0 : 1)
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // A line break within a line would be a line of its own.
    let message = lines.map { String($0.map { $0.isNewline ? " " : $0 }) }.joined(separator: "\n")
    let bytes = Array(message.utf8)
    _ = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
      }
    }
  }
}

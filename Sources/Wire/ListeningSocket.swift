import CLinux
import Glibc

/// A socket that listens and that somebody else has made: a service manager.
public enum ListeningSocket {
  /// What it is good for; nil unless it is a TCP socket that listens. It is then non-blocking and closed on exec.
  public static func prepare(_ descriptor: Int32) -> SocketAddress? {
    guard option(descriptor, SO_ACCEPTCONN) == 1, option(descriptor, SO_TYPE) == Int32(SOCK_STREAM.rawValue) else { return nil }
    guard [AF_INET, AF_INET6].contains(option(descriptor, SO_DOMAIN) ?? -1) else { return nil }
    guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0, fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0
    else { return nil }
    return address(descriptor)
  }

  /// Why nobody could listen on an address now, as an error number; nil when one could.
  public static func fault(host: String, port: Int) -> Int32? {
    guard let address = SocketAddress(ip: host, port: port) else { return EINVAL }
    let descriptor = passerelle_tcp_socket(address.family)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    return address.withSystemAddress({ bind(descriptor, $0, $1) }) == 0 ? nil : errno
  }

  /// Where it is bound.
  static func address(_ descriptor: Int32) -> SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return SocketAddress(storage: storage)
  }

  private static func option(_ descriptor: Int32, _ name: Int32) -> Int32? {
    var (value, length) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
  }
}

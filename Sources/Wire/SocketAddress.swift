import Glibc

/// An IP address with a port.
public struct SocketAddress: Sendable, Hashable {
  /// Numeric, without brackets; an IPv4 address that came mapped into IPv6 is the IPv4 address.
  public let host: String
  public let port: Int
  /// 4 or 16 bytes.
  public let ipBytes: [UInt8]

  /// Nil unless `ip` is a numeric IPv4 or IPv6 address.
  public init?(ip: String, port: Int) {
    var four = in_addr()
    var six = in6_addr()
    // The system's reader ends at a NUL, and what stands behind it would be taken unseen.
    guard !ip.utf8.contains(0) else { return nil }
    if inet_pton(AF_INET, ip, &four) == 1 {
      self.init(bytes: withUnsafeBytes(of: &four) { Array($0) }, port: port)
    } else if inet_pton(AF_INET6, ip, &six) == 1 {
      self.init(bytes: withUnsafeBytes(of: &six) { Array($0) }, port: port)
    } else {
      return nil
    }
  }

  /// - Precondition: 4 or 16 bytes.
  init(bytes: [UInt8], port: Int) {
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
    ipBytes = bytes.count == 16 && Array(bytes[..<12]) == mapped ? Array(bytes[12...]) : bytes
    self.port = port
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    _ = inet_ntop(ipBytes.count == 4 ? AF_INET : AF_INET6, ipBytes, &text, socklen_t(text.count))
    host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Reads what the system wrote for a connection.
  init(storage: sockaddr_storage) {
    let isIPv6 = Int32(storage.ss_family) == AF_INET6
    var storage = storage
    self = withUnsafeBytes(of: &storage) { raw in
      if isIPv6 {
        let address = raw.load(as: sockaddr_in6.self)
        var ip = address.sin6_addr
        return SocketAddress(bytes: withUnsafeBytes(of: &ip) { Array($0) }, port: Int(UInt16(bigEndian: address.sin6_port)))
      }
      let address = raw.load(as: sockaddr_in.self)
      var ip = address.sin_addr
      return SocketAddress(bytes: withUnsafeBytes(of: &ip) { Array($0) }, port: Int(UInt16(bigEndian: address.sin_port)))
    }
  }

  public var isLoopback: Bool {
    ipBytes.count == 4 ? ipBytes[0] == 127 : ipBytes.dropLast().allSatisfy { $0 == 0 } && ipBytes[15] == 1
  }

  var family: Int32 { ipBytes.count == 4 ? AF_INET : AF_INET6 }

  /// Lends the address in the system's form.
  func withSystemAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    if ipBytes.count == 4 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = UInt16(port).bigEndian
      withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: ipBytes) }
      return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
      }
    }
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = UInt16(port).bigEndian
    withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: ipBytes) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
    }
  }
}

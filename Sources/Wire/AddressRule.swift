/// Which addresses a request of our own may go to: the guard against requests that somebody else steers (A19, A20, A21).
///
/// It judges addresses, never names: what a name stands for is decided by whoever owns it, and may change between two look-ups.
public enum AddressRule: Sendable, Hashable {
  /// For addresses that the operator configured.
  case any
  /// For addresses that a client gave: only what is reachable on the public Internet, and what stands in an exception. Metadata
  /// services of clouds stay closed even within an exception.
  case publicOnly(exceptions: [AddressRange] = [])

  public func allows(_ address: SocketAddress) -> Bool {
    switch self {
    case .any: true
    case .publicOnly(let exceptions):
      !Self.contains(Self.metadata, address)
        && (Self.isPublic(address) || exceptions.contains { $0.contains(address) })
    }
  }

  private static func isPublic(_ address: SocketAddress) -> Bool {
    // `SocketAddress` makes an IPv4 address of an IPv4-mapped one, so that it is judged as what it is.
    if address.ipBytes.count == 4 { return !contains(notPublicIPv4, address) }
    return contains(globalIPv6, address) && !contains(notPublicIPv6, address)
  }

  private static func contains(_ ranges: [AddressRange], _ address: SocketAddress) -> Bool {
    ranges.contains { $0.contains(address) }
  }

  private static func ranges(_ texts: String...) -> [AddressRange] { texts.map { AddressRange($0)! } }

  /// Where clouds give credentials to whoever asks: Amazon and most others, Alibaba, Oracle, Azure, Amazon over IPv6, Google
  /// over IPv6.
  private static let metadata = ranges(
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254",
    "fd00:ec2::23", "fd20:ce::254")

  /// The IANA registry of special-purpose addresses (RFC 6890), whether or not some of them could be reached.
  private static let notPublicIPv4 = ranges(
    "0.0.0.0/8",  // this network; 0.0.0.0 is this host
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  // private, RFC 1918
    "100.64.0.0/10",  // behind the NAT of an operator, RFC 6598: here that is our own network
    "127.0.0.0/8", "169.254.0.0/16",  // loopback, link-local
    "192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24",  // protocols, AS112, AMT, 6to4
    "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  // documentation, RFC 5737
    "198.18.0.0/15",  // benchmarks, RFC 2544
    "224.0.0.0/4", "240.0.0.0/4")  // multicast; reserved and broadcast

  /// Outside this block there is nothing to reach: ::, ::1, IPv4-compatible, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), discard,
  /// segment routing, ULA, link-local, site-local, multicast.
  private static let globalIPv6 = ranges("2000::/3")

  private static let notPublicIPv6 = ranges(
    "2001::/23",  // protocols: Teredo 2001::/32, benchmarks, ORCHID
    "2001:db8::/32", "3fff::/20",  // documentation, RFC 3849 and RFC 9637
    "2002::/16",  // 6to4: carries any IPv4 address
    "2620:4f:8000::/48")  // AS112
}

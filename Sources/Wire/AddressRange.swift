/// A block of IP addresses in CIDR form: `10.0.0.0/8`, `2001:db8::/32`, or one address.
public struct AddressRange: Sendable, Hashable {
  private let network: [UInt8]
  private let prefixBits: Int

  /// Nil when the text is not an address with an optional prefix length, or has bits set beyond its prefix.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let bytes = SocketAddress(ip: String(parts[0]), port: 0)?.ipBytes else { return nil }
    var bits = bytes.count * 8
    if parts.count == 2 {
      guard let given = Int(parts[1]), (0...bits).contains(given), String(given) == parts[1] else { return nil }
      bits = given
    }
    network = bytes
    prefixBits = bits
    // A range with host bits set is more likely a typing error than meant: `10.1.2.3/8` trusts more than its author saw.
    guard (bits..<bytes.count * 8).allSatisfy({ !Self.bit($0, of: bytes) }) else { return nil }
  }

  /// True when the address is in the block. An IPv4 address that came over an IPv6 socket counts as IPv4.
  public func contains(_ address: SocketAddress) -> Bool {
    let bytes = address.ipBytes
    return bytes.count == network.count && (0..<prefixBits).allSatisfy { Self.bit($0, of: bytes) == Self.bit($0, of: network) }
  }

  private static func bit(_ index: Int, of bytes: [UInt8]) -> Bool { bytes[index >> 3] & (0x80 >> UInt8(index & 7)) != 0 }
}

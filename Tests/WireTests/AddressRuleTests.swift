import Testing

@testable import Wire

/// The guard of attacks A19, A20 and A21: addresses that a client may not send us to.
@Suite struct AddressRuleTests {
  private func allows(_ ip: String, _ rule: AddressRule = .publicOnly()) throws -> Bool {
    rule.allows(try #require(SocketAddress(ip: ip, port: 443), "\(ip)"))
  }

  @Test(arguments: [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
    "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450:4007::200e", "2001:200::1",
    "2001:db7:ffff::1", "2003::1",
  ]) func publicAddressesAreOpen(_ ip: String) throws { #expect(try allows(ip)) }

  @Test(arguments: [
    "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255",
    "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1",
    "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "168.63.129.16",
  ]) func othersAreClosed_alsoWithinIPv6(_ ip: String) throws {
    #expect(try !allows(ip))
    #expect(try !allows("::ffff:\(ip)"), "mapped")
    #expect(try !allows("::\(ip)"), "compatible")
    #expect(try !allows("64:ff9b::\(ip)"), "NAT64")
    let bytes = try #require(SocketAddress(ip: ip, port: 0)).ipBytes.map { String($0, radix: 16) }
    let pad = { (text: String) in String(repeating: "0", count: 2 - text.count) + text }
    let hex = pad(bytes[0]) + pad(bytes[1]) + ":" + pad(bytes[2]) + pad(bytes[3])
    #expect(try !allows("2002:\(hex)::1"), "6to4")
    #expect(try !allows("2001:0:\(hex)::1"), "Teredo")
  }

  @Test(arguments: [
    "::", "::1", "::2", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:1ff:ffff::1",
    "2001:db8::1", "2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fdff:ffff::1", "fe80::1",
    "febf::1", "fec0::1", "ff02::1", "ffff::1",
  ]) func specialIPv6IsClosed(_ ip: String) throws { #expect(try !allows(ip)) }

  @Test func anExceptionOpensItsRange_butNeverAMetadataService() throws {
    let ranges = ["10.1.0.0/16", "169.254.0.0/16", "fd00::/8", "::1"].map { AddressRange($0)! }
    let rule = AddressRule.publicOnly(exceptions: ranges)
    for ip in ["10.1.2.3", "::ffff:10.1.2.3", "169.254.1.1", "fd00::1", "::1", "8.8.8.8"] {
      #expect(try allows(ip, rule), "\(ip)")
    }
    for ip in ["10.2.0.1", "127.0.0.1", "169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "fc00::1"] {
      #expect(try !allows(ip, rule), "\(ip)")
    }
  }

  @Test(arguments: ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"])
  func whatTheOperatorConfiguredMayBeAnywhere(_ ip: String) throws { #expect(try allows(ip, .any)) }
}

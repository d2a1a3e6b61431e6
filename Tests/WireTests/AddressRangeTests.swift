import Testing

@testable import Wire

@Suite struct AddressRangeTests {
  @Test func aRangeIsReadStrictly() {
    for text in ["10.0.0.0/8", "192.0.2.1", "::/0", "0.0.0.0/0", "2001:db8::/32", "::1/128"] {
      #expect(AddressRange(text) != nil)
    }
    for text in [
      "10.1.0.0/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "10.0.0", "", "/8", "localhost", "2001:db8::/129",
      "10.0.0.0\u{0}x/8", "192.0.2.1\u{0}",
    ] {
      #expect(AddressRange(text) == nil, "\(text)")
    }
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.0.0.0/8", "::ffff:10.1.2.3", true),
    ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("2001:db8::/33", "2001:db8:7fff::", true),
    ("2001:db8::/33", "2001:db8:8000::", false), ("::/0", "10.0.0.1", false), ("0.0.0.0/0", "::1", false),
  ]) func itHoldsItsAddresses(_ range: String, _ address: String, _ expected: Bool) throws {
    #expect(try #require(AddressRange(range)).contains(#require(SocketAddress(ip: address, port: 1))) == expected)
  }
}

import Foundation

@testable import Authorization
@testable import Bytes
@testable import JOSE
@testable import Wire

/// URLs that clients give, address ranges, and login hints with addresses.
enum AddressChecks {
  static func check(_ bytes: [UInt8]) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    if let address = WebAddress(text) { try checkURL(address, text) }
    if let range = AddressRange(text) { try checkRange(range, text) }
    if let hint = LoginHint(text) { try checkHint(hint, text) }
    if let target = TargetURI(text), let address = WebAddress(text), !text.contains("#") {
      let path = Array(address.target.utf8.prefix { $0 != 0x3F })
      guard let origin = TargetURI(text.hasPrefix("https") ? "https://" + address.authority : "http://" + address.authority)
      else { return }
      // A trailing dot and a long form of an IPv6 address are the same host to one of them alone: that is the strict side.
      if target != TargetURI(origin: origin, path: path.span) {
        let host = text.dropFirst(address.isSecure ? 8 : 7).prefix { !"/?#".contains($0) }.lowercased()
        try hold(host.contains("["), "two readers of URLs see another resource: \(text)")
      }
    }
  }

  private static func checkURL(_ address: WebAddress, _ text: String) throws(Broken) {
    try hold(WebAddress(address.description) == address, "a URL is another in its one spelling")
    try hold(
      text.utf8.count <= WebAddress.bytesMaximum && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a URL with what no URL has")
    try hold((1...65_535).contains(address.port) && !address.host.isEmpty, "a URL without host or port")
    guard let url = URL(string: text) else { throw Broken(description: "Foundation reads no URL") }
    let host = url.host(percentEncoded: true)?.lowercased().trimmingCharacters(in: ["[", "]"]) ?? ""
    try hold(
      host == address.host || SocketAddress(ip: host, port: 0)?.host == address.host, "Foundation sees another host: \(host)")
    try hold((url.port ?? (address.isSecure ? 443 : 80)) == address.port, "Foundation sees another port")
    try hold(url.user == nil && url.password == nil && url.fragment == nil, "Foundation sees a user or a fragment")
    // What the system's resolver would take for an address must be known as one (A20).
    var legacy = in_addr()
    if inet_aton(address.host, &legacy) != 0 {
      try hold(address.numericAddress != nil, "a host that the system takes for an address")
    }
  }

  /// Beside plain arithmetic on bits.
  private static func checkRange(_ range: AddressRange, _ text: String) throws(Broken) {
    let parts = text.split(separator: "/")
    guard let network = SocketAddress(ip: String(parts[0]), port: 0) else {
      throw Broken(description: "a range without an address")
    }
    let count = network.ipBytes.count
    let bits = parts.count > 1 ? Int(parts[1]) ?? -1 : count * 8
    try hold((0...count * 8).contains(bits), "a prefix that is too long")
    try hold(range.contains(network), "a range without its own first address")
    for index in 0..<count * 8 {
      var other = network.ipBytes
      other[index / 8] ^= 0x80 >> UInt8(index % 8)
      let address = SocketAddress(bytes: other, port: 0)
      guard address.ipBytes.count == count else { continue }
      try hold(range.contains(address) == (index >= bits), "bit \(index) of \(text) is judged wrong")
    }
    try hold(
      !range.contains(SocketAddress(bytes: [UInt8](repeating: 1, count: 20 - count), port: 0)), "an address of another family")
  }

  private static func checkHint(_ hint: LoginHint, _ text: String) throws(Broken) {
    switch hint {
    case .number(let number): try hold(text.utf8.elementsEqual("tel:\(number.e164)".utf8), "a number has a second spelling")
    case .address(let address):
      let host = address.ip.contains(":") ? "[\(address.ip)]" : address.ip
      let written = "ipport:\(host)" + (address.port.map { ":\($0)" } ?? "")
      try hold(LoginHint(written) == hint, "an address is another when it is written")
    case .operatorToken(let token):
      try hold(text.utf8.elementsEqual("operatortoken:\(token)".utf8), "a token has a second spelling")
    }
  }
}

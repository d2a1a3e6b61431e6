/// What a target's name stands for, remembered for 30 s; a failure for 1 s. Confined to its pool's loop.
struct UpstreamResolver {
  enum Answer {
    case known([SocketAddress])
    case failed
    case asked
    case unknown
  }

  private let fixed: [SocketAddress]
  private var addresses: [SocketAddress] = []
  private var goodUntil: UInt64 = 0
  var isAsked = false

  init(target: UpstreamTarget) { fixed = SocketAddress(ip: target.host, port: target.port).map { [$0] } ?? [] }

  /// One that never asks.
  init(fixed: [SocketAddress]) {
    precondition(!fixed.isEmpty)
    self.fixed = fixed
  }

  func addresses(at now: UInt64) -> Answer {
    if !fixed.isEmpty { return .known(fixed) }
    if isAsked { return .asked }
    guard now < goodUntil else { return .unknown }
    return addresses.isEmpty ? .failed : .known(addresses)
  }

  mutating func learn(_ addresses: [SocketAddress], at now: UInt64) {
    self.addresses = addresses
    isAsked = false
    goodUntil = now + (addresses.isEmpty ? 1_000_000_000 : 30_000_000_000)
  }
}

import Glibc
import Synchronization

/// Looks names up with the system's resolver, away from the loops: `getaddrinfo` blocks, for many seconds when it must.
///
/// Each look-up has a thread of its own, so that one whose name server never answers holds up no other: the shared pool of
/// Dispatch has few threads. So many can be under way at a time, and none waits beside them.
final class NameLookup: Sendable {
  /// For names that the operator configured.
  static let forBackends = NameLookup(countMaximum: 256)
  /// For names that others gave; whatever becomes of these, the others are looked up.
  static let forOthers = NameLookup(countMaximum: 32)
  /// For those to which events go: whoever names many that no name server answers for holds up no key set.
  static let forSinks = NameLookup(countMaximum: 128)

  private let countMaximum: Int
  private let count = Mutex(0)
  private let resolve: @Sendable (_ name: String, _ port: Int) -> [SocketAddress]

  /// - Parameter resolve: blocks; tests put their own in its place.
  init(
    countMaximum: Int, resolve: @escaping @Sendable (String, Int) -> [SocketAddress] = { NameLookup.blocking($0, port: $1) }
  ) {
    self.countMaximum = countMaximum
    self.resolve = resolve
  }

  /// Looks a name up and tells what it stands for, on some thread; nothing for a name that is none, and at once when too many
  /// look-ups are under way.
  func addresses(of name: String, port: Int, tell: @escaping @Sendable ([SocketAddress]) -> Void) {
    let isTaken = count.withLock { count in
      guard count < countMaximum else { return false }
      count += 1
      return true
    }
    guard isTaken else { tell([]); return }
    let work = Work { [self] in
      let addresses = resolve(name, port)
      count.withLock { $0 -= 1 }
      tell(addresses)
    }
    guard !work.start() else { return }
    count.withLock { $0 -= 1 }
    tell([])
  }

  /// What a thread does, once.
  private final class Work: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    /// False when the system has no thread left.
    func start() -> Bool {
      var id = pthread_t()
      let retained = Unmanaged.passRetained(self)
      let result = pthread_create(
        &id, nil,
        { argument in
          Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
          return nil
        }, retained.toOpaque())
      guard result == 0 else { retained.release(); return false }
      pthread_detach(id)
      return true
    }
  }

  /// Blocks the calling thread.
  static func blocking(_ name: String, port: Int) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = list
    while let entry = next?.pointee {
      if let address = entry.ai_addr {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) {
          $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: min($0.count, Int(entry.ai_addrlen))))
        }
        if let found = SocketAddress(ip: SocketAddress(storage: storage).host, port: port) { addresses.append(found) }
      }
      next = entry.ai_next
    }
    return addresses
  }
}

import Bytes
import CLinux
import Glibc
import Synchronization

/// A listening address: accepts connections on the first loop of its group and gives them to the loops in turn.
///
/// One socket accepts for all loops, so that connections spread evenly and a busy port is an error and never shared by accident.
public final class Listener: Sendable {
  private let state: ListenerState
  private let group: EventLoopGroup
  private let acceptor: Acceptor
  /// The port, also when 0 was asked for.
  public let port: Int

  /// Binds and listens; nothing is accepted before `start`.
  ///
  /// - Parameters:
  ///   - host: a numeric address.
  ///   - port: 0 lets the system choose.
  ///   - tls: nil for plain TCP.
  /// - Throws: `WireError`, for a busy port among others.
  public convenience init(
    address host: String, port: Int, group: EventLoopGroup, handler: any RequestHandler, limits: ServerLimits = ServerLimits(),
    tls: TLSServer? = nil
  ) throws(WireError) {
    self.init(adopting: try Self.bound(host, port), group: group, handler: handler, limits: limits, tls: tls)
  }

  /// Accepts from a socket that listens already, and that is this listener's from now on; nothing is accepted before `start`.
  public init(
    adopting descriptor: Int32, group: EventLoopGroup, handler: any RequestHandler, limits: ServerLimits = ServerLimits(),
    tls: TLSServer? = nil
  ) {
    port = ListeningSocket.address(descriptor).port
    self.group = group
    state = ListenerState(handler: handler, limits: limits, tls: tls, loops: group.loops)
    acceptor = Acceptor(descriptor: descriptor, state: state, group: group)
  }

  private static func bound(_ host: String, _ port: Int) throws(WireError) -> Int32 {
    guard let address = SocketAddress(ip: host, port: port) else { throw .badAddress(host) }
    let descriptor = passerelle_tcp_socket(address.family)
    guard descriptor >= 0 else { throw .system("socket", errno) }
    var one: Int32 = 1
    // A restart may bind while old connections linger; a port with a listener stays busy all the same.
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    guard address.withSystemAddress({ bind(descriptor, $0, $1) }) == 0, listen(descriptor, 4096) == 0 else {
      let code = errno
      Glibc.close(descriptor)
      throw .system("bind", code)
    }
    return descriptor
  }

  /// From now on connections that come in have these limits; those that are there keep theirs. Any thread.
  public func setLimits(_ limits: ServerLimits) {
    for (index, loop) in group.loops.enumerated() { loop.execute { [state] in state.setLimits(limits, ofLoopAt: index) } }
  }

  /// Begins to accept.
  public func start() { group.loops[0].execute { [acceptor] in acceptor.start() } }

  /// Closes the listening socket; connections that are there go on.
  public func stopAccepting() { group.loops[0].execute { [acceptor] in acceptor.stop() } }

  /// Connections since the start: taken in, and closed at once because there were too many.
  public var connections: (accepted: Int, refused: Int) {
    (state.acceptedCount.load(ordering: .relaxed), state.refusedCount.load(ordering: .relaxed))
  }

  /// Connections that are open.
  public var connectionCount: Int { state.connectionCount.load(ordering: .relaxed) }

  /// Accepts no more, closes idle connections, and lets each other one end with its present answer. Returns when none is left,
  /// or after so many seconds; what is left then is closed.
  public func drain(deadlineSeconds: Int) async {
    stopAccepting()
    state.isDrainingFlag.store(true, ordering: .releasing)
    for (index, loop) in group.loops.enumerated() {
      loop.execute { [state] in state.closeConnections(of: index, onlyIdle: true) }
    }
    for _ in 0..<deadlineSeconds * 50 where connectionCount > 0 { try? await Task.sleep(for: .milliseconds(20)) }
    for (index, loop) in group.loops.enumerated() {
      loop.execute { [state] in state.closeConnections(of: index, onlyIdle: false) }
    }
  }
}

/// What a listener knows of a connection, be it in its handshake or beyond. Confined to its loop.
protocol ListenerMember: AnyObject {
  /// It can be closed without anybody missing an answer.
  var isIdle: Bool { get }
  func close()
}

/// What the connections of a listener share. The registries are each confined to their loop; the rest is atomic or constant.
final class ListenerState: @unchecked Sendable {
  let handler: any RequestHandler
  let tls: TLSServer?
  let connectionCount = Atomic<Int>(0)
  let acceptedCount = Atomic<Int>(0)
  let refusedCount = Atomic<Int>(0)
  let isDrainingFlag = Atomic<Bool>(false)
  private let places: [ObjectIdentifier: Int]
  /// One dictionary a loop, in storage that never moves, so that loops do not share an array's own bookkeeping.
  private let storage: UnsafeMutableBufferPointer<[ObjectIdentifier: any ListenerMember]>
  /// Of new connections, likewise one a loop.
  private let limits: UnsafeMutableBufferPointer<ServerLimits>

  init(handler: any RequestHandler, limits: ServerLimits, tls: TLSServer?, loops: [EventLoop]) {
    self.handler = handler
    self.tls = tls
    places = Dictionary(uniqueKeysWithValues: loops.enumerated().map { (ObjectIdentifier($1), $0) })
    storage = .allocate(capacity: loops.count)
    storage.initialize(repeating: [:])
    self.limits = .allocate(capacity: loops.count)
    self.limits.initialize(repeating: limits)
  }

  deinit {
    storage.deinitialize()
    storage.deallocate()
    limits.deinitialize()
    limits.deallocate()
  }

  /// For a new connection. On its loop.
  func limits(on loop: EventLoop) -> ServerLimits { limits[places[ObjectIdentifier(loop)]!] }

  /// On the loop with that index.
  func setLimits(_ new: ServerLimits, ofLoopAt index: Int) { limits[index] = new }

  var isDraining: Bool { isDrainingFlag.load(ordering: .relaxed) }

  /// On the loop.
  func opened(_ connection: any ListenerMember, on loop: EventLoop) {
    storage[places[ObjectIdentifier(loop)]!][ObjectIdentifier(connection)] = connection
  }

  /// On the loop.
  func closed(_ connection: any ListenerMember, on loop: EventLoop) {
    guard storage[places[ObjectIdentifier(loop)]!].removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    connectionCount.subtract(1, ordering: .relaxed)
  }

  /// The same connection is somebody else's from now on. On the loop.
  func replace(_ member: any ListenerMember, by connection: any ListenerMember, on loop: EventLoop) {
    let place = places[ObjectIdentifier(loop)]!
    storage[place][ObjectIdentifier(member)] = nil
    storage[place][ObjectIdentifier(connection)] = connection
  }

  /// On the loop with that index.
  func closeConnections(of index: Int, onlyIdle: Bool) {
    for connection in Array(storage[index].values) where !onlyIdle || connection.isIdle { connection.close() }
  }
}

/// Takes connections from the listening socket. Confined to the first loop.
private final class Acceptor: Pollable, @unchecked Sendable {
  private var descriptor: Int32
  private let state: ListenerState
  private let group: EventLoopGroup
  private var next = 0
  /// Given up to take and close a connection when there are no descriptors left: it would otherwise wait for ever, and the
  /// loop would turn without end.
  private var reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)

  init(descriptor: Int32, state: ListenerState, group: EventLoopGroup) {
    self.descriptor = descriptor
    self.state = state
    self.group = group
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if reserve >= 0 { close(reserve) }
  }

  func start() {
    guard descriptor >= 0, (try? group.loops[0].add(descriptor, self)) != nil else { return stop() }
  }

  func stop() {
    guard descriptor >= 0 else { return }
    group.loops[0].remove(descriptor)
    close(descriptor)
    descriptor = -1
  }

  func becameReadable() {
    // Some at a time, so that a flood of connections does not hold up those that are there.
    for _ in 0..<64 {
      var storage = sockaddr_storage()
      var length = UInt32(MemoryLayout<sockaddr_storage>.size)
      let accepted = withUnsafeMutablePointer(to: &storage) { passerelle_accept(descriptor, $0, &length) }
      guard accepted >= 0 else {
        if errno == EMFILE || errno == ENFILE { shedOne() }
        return
      }
      give(accepted, SocketAddress(storage: storage))
    }
  }

  func becameWritable() {}
  func becameDead() { stop() }

  private func give(_ accepted: Int32, _ address: SocketAddress) {
    guard state.connectionCount.load(ordering: .relaxed) < state.limits(on: group.loops[0]).connectionsMaximum else {
      close(accepted)
      state.refusedCount.add(1, ordering: .relaxed)
      return
    }
    state.connectionCount.add(1, ordering: .relaxed)
    state.acceptedCount.add(1, ordering: .relaxed)
    let loop = group.loops[next % group.loops.count]
    next &+= 1
    loop.execute { [state] in
      guard state.tls == nil else { Self.secure(accepted, address, state, loop); return }
      let connection = ServerConnection(
        transport: PlainTransport(descriptor: accepted), listener: state, loop: loop, remoteAddress: address)
      state.opened(connection, on: loop)
      if !connection.start() { connection.close() }
    }
  }

  private static func secure(_ accepted: Int32, _ address: SocketAddress, _ state: ListenerState, _ loop: EventLoop) {
    guard let server = state.tls,
      let acceptance = TLSAcceptance(descriptor: accepted, server: server, listener: state, loop: loop, remoteAddress: address)
    else {
      Glibc.close(accepted)
      state.connectionCount.subtract(1, ordering: .relaxed)
      return
    }
    state.opened(acceptance, on: loop)
    if !acceptance.start() { acceptance.close() }
  }

  private func shedOne() {
    close(reserve)
    let accepted = passerelle_accept(descriptor, nil, nil)
    if accepted >= 0 {
      close(accepted)
      state.refusedCount.add(1, ordering: .relaxed)
    }
    reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)
  }
}

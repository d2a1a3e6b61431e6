import Bytes
import CLinux
import Glibc
import Synchronization

/// What an event loop tells about a descriptor. Confined to the loop.
protocol Pollable: AnyObject {
  /// Something can be read, or the peer has closed its side.
  func becameReadable()
  func becameWritable()
  /// The connection is broken or closed by both sides.
  func becameDead()
}

/// One thread around epoll, level-triggered: descriptors, timers, and work that others send.
///
/// It is an executor of Swift concurrency too: tasks started with `spawn` begin and resume on its thread, so that the control
/// plane shares the thread of its connections and never hops to another pool.
public final class EventLoop: TaskExecutor, SerialExecutor, @unchecked Sendable {
  private enum Work {
    case closure(@Sendable () -> Void)
    case job(UnownedJob)
  }

  private struct Slot {
    var target: (any Pollable)?
    /// Raised at each reuse, so that an event for a closed descriptor does not reach the next one with its number.
    var generation: UInt32 = 0
  }

  public let index: Int
  let time: any TimeSource
  private let epoll: Int32
  private let wakeDescriptor: Int32
  private let queue = Mutex<[Work]>([])
  private let isWoken = Atomic<Bool>(false)
  private let isStopping = Atomic<Bool>(false)
  private let thread = Mutex<pthread_t?>(nil)

  // All below is confined to the loop's thread.
  private var slots: [Slot] = []
  private var wakeHooks: [@Sendable () -> Void] = []
  private var turnHooks: [@Sendable () -> Void] = []
  private var batch: [Work] = []
  let timers: TimerWheel
  /// How many requests are under way here, and how many may be.
  public let admission = Admission()
  private lazy var probe = LagProbe(self)
  let buffers = BufferPool()
  /// Scratch for the answer that is being written; begun and sent in one go, so that all connections share it.
  var output: [UInt8] = []
  var httpDate = HTTPDate()
  /// Monotonic, read once per turn of the loop.
  public private(set) var nowNanoseconds: UInt64

  /// - Throws: `WireError` when the system has no descriptors left.
  public init(index: Int, time: any TimeSource) throws {
    self.index = index
    self.time = time
    nowNanoseconds = time.monotonicNanoseconds()
    timers = TimerWheel(startNanoseconds: nowNanoseconds)
    epoll = passerelle_epoll_create()
    wakeDescriptor = passerelle_eventfd()
    guard epoll >= 0, wakeDescriptor >= 0,
      passerelle_epoll_control(epoll, 1, wakeDescriptor, UInt32(passerelle_readable), .max) == 0
    else { throw WireError.system("event loop", errno) }
    output.reserveCapacity(16_384)
  }

  deinit {
    close(wakeDescriptor)
    close(epoll)
  }

  private static let threadLocal: pthread_key_t = {
    var key = pthread_key_t()
    precondition(pthread_key_create(&key, nil) == 0)
    return key
  }()

  /// The loop of the calling thread.
  public static var current: EventLoop? {
    pthread_getspecific(threadLocal).map { Unmanaged<EventLoop>.fromOpaque($0).takeUnretainedValue() }
  }

  public var isCurrent: Bool { pthread_getspecific(Self.threadLocal) == Unmanaged.passUnretained(self).toOpaque() }

  /// Starts the thread.
  public func start() {
    thread.withLock { thread in
      guard thread == nil else { return }
      var id = pthread_t()
      let created = pthread_create(
        &id, nil,
        { argument in
          let loop = Unmanaged<EventLoop>.fromOpaque(argument!).takeRetainedValue()
          loop.run()
          return nil
        }, Unmanaged.passRetained(self).toOpaque())
      precondition(created == 0, "no thread for an event loop")
      thread = id
    }
  }

  /// Ends the thread after the present turn and waits for it. Not from the loop itself.
  public func stop() {
    isStopping.store(true, ordering: .releasing)
    wake()
    let id = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    if let id { pthread_join(id, nil) }
  }

  /// Lets a timer fire after so many nanoseconds. On the loop.
  public func setTimer(_ timer: LoopTimer, afterNanoseconds nanoseconds: UInt64) {
    timers.set(timer, at: nowNanoseconds + nanoseconds)
  }

  /// Lets it not fire. On the loop.
  public func cancelTimer(_ timer: LoopTimer) { timers.cancel(timer) }

  // MARK: Work from any thread

  /// Runs the work on the loop, after what was sent before it. Any thread.
  public func execute(_ work: @escaping @Sendable () -> Void) { enqueue(.closure(work)) }

  /// Starts a task that runs on this loop. Any thread.
  public func spawn(_ operation: @escaping @Sendable () async -> Void) {
    Task(executorPreference: self) { await operation() }
  }

  /// Called by Swift concurrency.
  public func enqueue(_ job: consuming ExecutorJob) { enqueue(.job(UnownedJob(job))) }

  private func enqueue(_ work: Work) {
    let wasEmpty = queue.withLock { queue in
      queue.append(work)
      return queue.count == 1
    }
    if wasEmpty && !isCurrent { signal() }
  }

  /// Makes the loop turn and its wake hooks run. Any thread; many calls before the loop comes to it cost one signal.
  public func wake() {
    guard !isWoken.exchange(true, ordering: .acquiringAndReleasing) else { return }
    signal()
  }

  /// Adds a hook that runs on the loop after each `wake`. Before `start`, or on the loop.
  public func onWake(_ hook: @escaping @Sendable () -> Void) { wakeHooks.append(hook) }

  /// Adds a hook that runs at the end of every turn, before the loop waits again. Before `start`, or on the loop.
  public func onTurnEnd(_ hook: @escaping @Sendable () -> Void) { turnHooks.append(hook) }

  private func signal() {
    var one: UInt64 = 1
    // A full counter is a signal that is on its way already.
    _ = write(wakeDescriptor, &one, 8)
  }

  // MARK: Descriptors, on the loop

  /// Watches a descriptor for reading; the tag is what `modify` and `remove` want.
  func add(_ descriptor: Int32, _ target: any Pollable, writable: Bool = false) throws -> UInt64 {
    while slots.count <= Int(descriptor) { slots.append(Slot()) }
    slots[Int(descriptor)].generation &+= 1
    slots[Int(descriptor)].target = target
    let tag = UInt64(slots[Int(descriptor)].generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    let events = writable ? UInt32(passerelle_writable) : Self.readEvents
    guard passerelle_epoll_control(epoll, 1, descriptor, events, tag) == 0 else {
      slots[Int(descriptor)].target = nil
      throw WireError.system("epoll", errno)
    }
    return tag
  }

  func modify(_ descriptor: Int32, _ tag: UInt64, readable: Bool, writable: Bool) {
    let events = (readable ? Self.readEvents : 0) | (writable ? UInt32(passerelle_writable) : 0)
    _ = passerelle_epoll_control(epoll, 3, descriptor, events, tag)
  }

  /// Lets another be told about a descriptor; the tag stays.
  func handOver(_ descriptor: Int32, to target: any Pollable) { slots[Int(descriptor)].target = target }

  /// Forgets a descriptor; to be called before it is closed.
  func remove(_ descriptor: Int32) {
    guard Int(descriptor) < slots.count, slots[Int(descriptor)].target != nil else { return }
    slots[Int(descriptor)].target = nil
    _ = passerelle_epoll_control(epoll, 2, descriptor, 0, 0)
  }

  private static var readEvents: UInt32 { UInt32(passerelle_readable | passerelle_peer_closed) }

  // MARK: The thread

  private func run() {
    pthread_setspecific(Self.threadLocal, Unmanaged.passUnretained(self).toOpaque())
    _ = passerelle_name_thread("loop-\(index)")
    var events = [passerelle_event](repeating: passerelle_event(), count: 256)
    while !isStopping.load(ordering: .acquiring) {
      let timeout = queue.withLock { $0.isEmpty } ? timers.millisecondsToNext(from: nowNanoseconds) : 0
      let count = passerelle_epoll_wait(epoll, &events, Int32(events.count), timeout)
      nowNanoseconds = time.monotonicNanoseconds()
      if count > 0 { for index in 0..<Int(count) { dispatch(events[index]) } }
      runQueue()
      if isWoken.exchange(false, ordering: .acquiringAndReleasing) { for hook in wakeHooks { hook() } }
      timers.advance(to: nowNanoseconds)
      for hook in turnHooks { hook() }
      if count >= LagProbe.eventsMinimum { probe.send() }
    }
    // What was sent before the end still runs, so that nobody waits for ever.
    runQueue()
  }

  private func dispatch(_ event: passerelle_event) {
    guard event.tag != .max else {
      var counter: UInt64 = 0
      _ = read(wakeDescriptor, &counter, 8)
      return
    }
    let descriptor = Int(UInt32(truncatingIfNeeded: event.tag))
    guard slots[descriptor].generation == UInt32(event.tag >> 32), let target = slots[descriptor].target else { return }
    if event.events & UInt32(passerelle_error | passerelle_hang_up) != 0 {
      target.becameDead()
      return
    }
    if event.events & Self.readEvents != 0 { target.becameReadable() }
    // Reading may have closed it.
    if event.events & UInt32(passerelle_writable) != 0, slots[descriptor].target === target { target.becameWritable() }
  }

  private func runQueue() {
    queue.withLock { swap(&$0, &batch) }
    for work in batch {
      switch work {
      case .closure(let closure): closure()
      case .job(let job): job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
      }
    }
    batch.removeAll(keepingCapacity: true)
  }

  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
  public func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
}

/// Some loops that share the work.
public final class EventLoopGroup: Sendable {
  public let loops: [EventLoop]

  /// - Parameter count: 1 or more; each is a thread.
  public init(count: Int, time: any TimeSource = SystemTime()) throws {
    loops = try (0..<max(1, count)).map { try EventLoop(index: $0, time: time) }
  }

  public func start() { for loop in loops { loop.start() } }
  /// Ends all threads and waits for them.
  public func stop() { for loop in loops { loop.stop() } }
}

/// How many processors this process may use.
public func processorCount() -> Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

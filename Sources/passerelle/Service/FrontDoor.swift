import Authorization
import Gateway
import Pages
import Synchronization
import Wire

/// The public listeners' handler: hands each exchange to who serves its path, in the generation of the moment. APIs first, for they are the
/// many.
///
/// A new exchange costs one atomic load: each loop keeps the generation that it saw last, and asks for another one only when the number
/// has changed. An exchange of an API ends with the generation in which its head was read.
final class FrontDoor: RequestHandler, @unchecked Sendable {
  /// Of the newest generation. Written under the lock of `newest`.
  private let number: Atomic<Int>
  private let newest: Mutex<Generation>
  /// By the index of the loop; each is touched on its own loop only.
  private let seen: UnsafeMutableBufferPointer<Generation>
  private let loops: [EventLoop]

  /// Before the loops run.
  init(_ generation: Generation, loops: [EventLoop]) {
    number = Atomic(generation.number)
    newest = Mutex(generation)
    self.loops = loops
    seen = .allocate(capacity: loops.count)
    seen.initialize(repeating: generation)
  }

  deinit {
    seen.deinitialize()
    seen.deallocate()
  }

  /// The newest generation. Any thread.
  var generation: Generation { newest.withLock { $0 } }

  /// From here on every new exchange, on whatever loop, goes to this generation. Any thread.
  func open(to generation: Generation) {
    newest.withLock {
      $0 = generation
      number.store(generation.number, ordering: .releasing)
    }
    // A loop without exchanges lets go of the one before, too.
    for loop in loops { loop.execute { [self] in _ = current(on: loop) } }
  }

  private func current(on loop: EventLoop) -> Generation {
    let known = seen[loop.index]
    guard known.number != number.load(ordering: .acquiring) else { return known }
    let generation = self.generation
    seen[loop.index] = generation
    generation.gateway.takeOver(on: loop)
    return generation
  }

  func bodyBytesMaximum(_ exchange: Exchange) -> Int? { current(on: exchange.loop).gateway.bodyBytesMaximum(exchange) }

  func handle(_ exchange: Exchange) {
    let generation = current(on: exchange.loop)
    guard !generation.gateway.owns(exchange) else { generation.gateway.handle(exchange); return }
    let path = exchange.path.string()
    let (authorization, site) = (generation.authorization, generation.site)
    if authorization.handles(path: path) {
      exchange.answer { await authorization.respond(to: $0) }
    } else if site.handles(path: path) {
      exchange.answer { await site.respond(to: $0) }
    } else {
      generation.gateway.handle(exchange)
    }
  }

  func reject(_ exchange: Exchange, _ rejection: HTTPRejection) { current(on: exchange.loop).gateway.reject(exchange, rejection) }
}

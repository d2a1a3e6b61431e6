import Authorization
import Events
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
  private let seen: UnsafeMutableBufferPointer<Seen>
  private let loops: [EventLoop]
  private let events: EventLink

  /// What a loop saw last. An object for each: counting references to one that all share would take its cache line from loop to loop.
  private final class Seen {
    let generation: Generation
    init(_ generation: Generation) { self.generation = generation }
  }

  /// Before the loops run.
  init(_ generation: Generation, events: EventLink, loops: [EventLoop]) {
    self.events = events
    number = Atomic(generation.number)
    newest = Mutex(generation)
    self.loops = loops
    seen = .allocate(capacity: loops.count)
    for index in loops.indices { seen.initializeElement(at: index, to: Seen(generation)) }
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

  private func current(on loop: EventLoop) -> Seen {
    let known = seen[loop.index]
    guard known.generation.number != number.load(ordering: .acquiring) else { return known }
    let next = Seen(generation)
    seen[loop.index] = next
    next.generation.gateway.takeOver(on: loop)
    return next
  }

  func bodyBytesMaximum(_ exchange: Exchange) -> Int? {
    current(on: exchange.loop).generation.gateway.bodyBytesMaximum(exchange)
      ?? (EventLink.handles(path: exchange.path.string()) ? EventIntake.bodyBytesMaximum : nil)
  }

  func handle(_ exchange: Exchange) {
    let seen = current(on: exchange.loop)
    guard !seen.generation.gateway.owns(exchange) else { seen.generation.gateway.handle(exchange); return }
    let generation = seen.generation
    let path = exchange.path.string()
    let (authorization, site) = (generation.authorization, generation.site)
    if authorization.handles(path: path) {
      exchange.answer { await authorization.respond(to: $0) }
    } else if site.handles(path: path) {
      exchange.answer { await site.respond(to: $0) }
    } else if EventLink.handles(path: path) {
      exchange.answer { [events] in await events.respond(to: $0) }
    } else {
      generation.gateway.handle(exchange)
    }
  }

  func shed(_ exchange: Exchange) {
    let generation = current(on: exchange.loop).generation
    guard !generation.gateway.owns(exchange), generation.authorization.handles(path: exchange.path.string()) else {
      return generation.gateway.shed(exchange)
    }
    exchange.send(AuthorizationServer.overloaded)
  }

  func reject(_ exchange: Exchange, _ rejection: HTTPRejection) {
    current(on: exchange.loop).generation.gateway.reject(exchange, rejection)
  }
}

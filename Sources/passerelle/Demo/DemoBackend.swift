import Authorization
import Bytes
import Identifiers
import Simulator
import Wire

/// The simulated operator on a port of its own, speaking HTTP like a real one.
final class DemoBackend {
  private static let usualPort = 9101

  private let data: SimulatedOperator
  private let loops: EventLoopGroup
  private let listener: Listener
  private let backend: OperatorBackend

  /// - Parameter port: nil takes the usual port when it is free, and any other otherwise.
  init(port: Int?) throws {
    data = try SimulatedOperator.shipped()
    loops = try EventLoopGroup(count: 1, time: SystemTime())
    backend = OperatorBackend(data: data, loop: loops.loops[0], tls: try TLSClientContext())
    do {
      listener = try DemoBackend.listen(port ?? Self.usualPort, loops, backend)
    } catch {
      guard port == nil else { throw CommandFailure("cannot listen on 127.0.0.1:\(port!): \(error)") }
      listener = try DemoBackend.listen(0, loops, backend)
    }
  }

  var port: Int { listener.port }

  /// The SIM cards that the recognition page offers.
  var sims: [SimulatedSIM] { data.subscribers.map { SimulatedSIM(number: $0.phoneNumber, label: $0.note) } }

  func start() {
    loops.start()
    listener.start()
    backend.startEvents()
  }

  func stop() async {
    await listener.drain(deadlineSeconds: 1)
    loops.stop()
  }

  /// The `subscribers` of `demo.json`. The numbers are the simulator's, nobody's.
  func writeSubscribers(to writer: inout JSONWriter) {
    writer.key("subscribers")
    writer.beginArray()
    for subscriber in data.subscribers {
      writer.beginObject()
      writer.field("phoneNumber", subscriber.phoneNumber.e164)
      if let address = subscriber.ipv4 { writer.field("ipv4", address) }
      writer.field("operatorToken", subscriber.operatorToken)
      writer.field("note", subscriber.note)
      writer.endObject()
    }
    writer.endArray()
  }

  private static func listen(_ port: Int, _ loops: EventLoopGroup, _ backend: OperatorBackend) throws -> Listener {
    try Listener(address: "127.0.0.1", port: port, group: loops, handler: backend, limits: ServerLimits())
  }
}

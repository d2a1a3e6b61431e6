import Synchronization
import Telemetry

/// What is counted of the calls: how many, how they ended, how long they took, by API, operation and client.
///
/// It outlives the handlers that count into it: a gateway that takes another configuration goes on counting where it was. Each loop adds
/// to memory of its own (`LoopMeter`); a scrape reads it from beside. Safe from any thread.
public final class CallMeter: Sendable {
  /// An operation, as labels name it.
  struct OperationName: Hashable {
    var api: String
    var version: String
    var operation: String
  }

  /// Calls whose client was not found out: without a token, or with one that is not good.
  static let unknownClient = 0
  /// Calls of all clients beyond the maximum.
  static let otherClients = 1

  struct Names {
    var operations: [OperationName] = []
    var clients = ["unknown", "other"]
    fileprivate var operationPlaces: [OperationName: Int] = [:]
    fileprivate var clientPlaces: [String: Int] = [:]
  }

  private let names = Mutex(Names())
  private let loops = Mutex<[Int: LoopMeter]>([:])
  private let clientsMaximum: Int
  let rejections = LabelledCounter(
    "passerelle_http_rejections", help: "Requests that HTTP itself refused, before anybody looked at what they ask.",
    labels: ["status"])

  /// - Parameter clientsMaximum: clients with series of their own; the first to come. All others are counted as `other`.
  public init(clientsMaximum: Int = 200) { self.clientsMaximum = clientsMaximum }

  /// The memory of the loop with that index. One thread at a time may count into it.
  func loop(_ index: Int) -> LoopMeter {
    loops.withLock { loops in
      if let meter = loops[index] { return meter }
      let meter = LoopMeter()
      loops[index] = meter
      return meter
    }
  }

  /// The place of an operation, the same for as long as the process runs.
  func place(of operation: OperationName) -> Int {
    names.withLock { names in
      if let place = names.operationPlaces[operation] { return place }
      let place = names.operations.count
      names.operationPlaces[operation] = place
      names.operations.append(operation)
      return place
    }
  }

  /// The place of a client, the same for all loops and for as long as the process runs.
  func place(ofClient client: String) -> Int {
    names.withLock { names in
      if let place = names.clientPlaces[client] { return place }
      // A client that is called as one of ours would be a second series of that name.
      guard names.clientPlaces.count < clientsMaximum, !names.clients[...Self.otherClients].contains(client) else {
        return Self.otherClients
      }
      let place = names.clients.count
      names.clientPlaces[client] = place
      names.clients.append(client)
      return place
    }
  }

  /// How much each loop has to do.
  private static func admission(_ loops: [(key: Int, value: LoopMeter)]) -> [MetricFamily] {
    var underWay = MetricFamily("passerelle_loop_requests", .gauge, help: "Requests that a loop works on.")
    var maximum = MetricFamily("passerelle_loop_requests_maximum", .gauge, help: "How many it may work on; learnt from its lag.")
    var shed = MetricFamily(
      "passerelle_loop_refused_requests", .counter, help: "Requests refused because a loop, or a client's share of it, was full.")
    var lag = MetricFamily(
      "passerelle_loop_lag_seconds", .gauge, unit: "seconds", help: "How long what is ready last waited for its turn.")
    for (index, loop) in loops {
      let label = ("loop", String(index))
      underWay.add(.count(loop.underWayCount), label)
      maximum.add(.count(loop.underWayMaximum), label)
      shed.add(.count(loop.shedCount), label)
      lag.add(.number(Double(loop.lagNanoseconds) / 1e9), label)
    }
    return [underWay, maximum, shed, lag]
  }

  /// All metrics of calls, added up over the loops.
  public func families() -> [MetricFamily] {
    let loops = loops.withLock { $0.sorted { $0.key < $1.key } }
    return CallFamilies(names: names.withLock { $0 }, loops: loops.map(\.value)).all + Self.admission(loops) + [rejections.family]
  }
}

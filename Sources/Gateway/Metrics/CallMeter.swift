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

  /// All metrics of calls, added up over the loops.
  public func families() -> [MetricFamily] {
    CallFamilies(names: names.withLock { $0 }, loops: loops.withLock { Array($0.values) }).all + [rejections.family]
  }
}

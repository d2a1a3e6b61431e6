import Bytes
import Synchronization
import Wire

/// What a person or a test asks the simulator itself, from the same machine alone: to anybody else these paths are not there.
///
/// A browser of this machine may show pages of others, so the request must also be addressed to this machine, whatever name a resolver
/// gives its address (DNS rebinding), and must not come from a page of another origin.
///
/// | request | what |
/// |---|---|
/// | `GET /simulator` | APIs with their base paths and operations |
/// | `GET /simulator/statistics` | how often each path was called, so that a test can show that nothing reached a backend |
/// | `GET /simulator/messages?phoneNumber=%2B33...` | the SMS that were sent, to one number or to all |
/// | `GET /simulator/faults` | the faults in force, each with the calls that it concerns and those that it met |
/// | `PUT /simulator/faults` | `{"faults": ["sim-swap:error=503@25%"]}`: these and no others from now on |
/// | `DELETE /simulator/faults` | none |
/// | `POST /simulator/reset` | forgets resources, messages, changes of phones, events and the count |
/// | `GET /simulator/` | the page of the simulated phones (`SimulatorPage`) |
///
/// Phones and events: `EventControl`.
struct SimulatorControl {
  let data: SimulatedOperator
  let router: Router
  let kept: KeptResources
  let events: OperatorEvents
  let faults: FaultBoard
  let now: Timestamp

  /// Nil when it is none of these.
  func answer(_ request: HTTPRequest, _ path: String, _ calls: borrowing Mutex<[String: Int]>) -> HTTPResponse? {
    guard path == "/simulator" || path.hasPrefix("/simulator/"), Self.isFromHere(request) else { return nil }
    if request.method == "GET", let page = SimulatorPage.file(path) { return page }
    do throws(BackendError) { return try command(request, path, calls)?.response(correlator: nil) } catch {
      return error.answer.response(correlator: nil)
    }
  }

  private func command(
    _ request: HTTPRequest, _ path: String, _ calls: borrowing Mutex<[String: Int]>
  ) throws(BackendError) -> Answer? {
    switch (request.method, path) {
    case ("GET", "/simulator"): return .ok(description)
    case ("GET", "/simulator/statistics"): return .ok(Self.statistics(calls.withLock { $0 }))
    case ("GET", "/simulator/messages"): return .ok(try messages(Query(request.query)))
    case ("GET", "/simulator/faults"): return .ok(faults.json)
    case ("PUT", "/simulator/faults"): return .ok(try setFaults(request))
    case ("DELETE", "/simulator/faults"):
      faults.replace(with: [])
      return .noContent
    case ("POST", "/simulator/reset"):
      kept.forget()
      events.outbox.forget()
      calls.withLock { $0 = [:] }
      return .noContent
    default: return try EventControl(data: data, kept: kept, events: events, now: now).answer(request, path)
    }
  }

  /// One that came from within the process has no address and no fields.
  private static func isFromHere(_ request: HTTPRequest) -> Bool {
    guard let address = request.remoteAddress else { return true }
    guard address.isLoopback, let authority = request.field("host"), isLoopback(authority) else { return false }
    return request.fields("origin").allSatisfy { $0.lowercased() == "http://" + authority.lowercased() }
  }

  private static func isLoopback(_ authority: String) -> Bool {
    let digits = authority.reversed().prefix { $0.isASCII && $0.isNumber }.count
    var host = Substring(authority.lowercased())
    if host.dropLast(digits).last == ":" { host = host.dropLast(digits + 1) }
    if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
    return host == "localhost" || SocketAddress(ip: String(host), port: 0)?.isLoopback == true
  }

  private var description: JSON {
    [
      "apis": .array(
        router.apis.map { api in
          [
            "api": .string(api.name), "basePath": .string(api.basePath),
            "operations": .array(
              api.routes.map {
                ["operation": .string($0.operation), "method": .string($0.method), "path": .string(api.basePath + $0.template)]
              }),
          ]
        }),
      "subscriberHeader": .string(data.settings.subscriberHeader),
    ]
  }

  private static func statistics(_ calls: [String: Int]) -> JSON {
    .object(calls.sorted { $0.key < $1.key }.map { JSON.Member(name: $0.key, value: .integer($0.value)) })
  }

  private func messages(_ query: Query) -> JSON {
    let number = query.first("phoneNumber")
    return ["messages": .array(kept.messages.all(at: now).filter { number == nil || number == $0.number }.map(\.json))]
  }

  private func setFaults(_ request: HTTPRequest) throws(BackendError) -> JSON {
    guard let array = (try? JSONDocument(request.body).root)?["faults"]?.array, array.allSatisfy({ $0.string != nil }) else {
      throw .invalidArgument("A body such as {\"faults\": [\"sim-swap:error=503@25%\"]} was expected.")
    }
    do throws(Fault.SyntaxError) { faults.replace(with: try Fault.list(array.compactMap(\.string))) } catch {
      throw .invalidArgument(error.message)
    }
    return faults.json
  }
}

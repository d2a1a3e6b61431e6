import Bytes
import Simulator
import Wire

/// `passerelle simulate`: the simulated operator alone, as a backend for a gateway, this one or another.
enum SimulateVerb: Verb {
  static let name = "simulate"
  static let summary = "run the simulated operator alone: CAMARA backends to test a gateway against, with faults on demand"
  static let usage =
    [
      "simulate [--host 127.0.0.1] [--port 9101] [--data FILE] [--faults LIST] [--script] [--ca FILE]",
      "simulate --print-data",
    ] + SimulateActs.usage
  static let options: [OptionDefinition] = [
    .value("--host", "ADDRESS", "the numeric address to listen on (127.0.0.1)"),
    .value("--port", "PORT", "9101; 0 takes a free one"),
    .value("--data", "FILE", "subscribers and all else that the operator knows, instead of what comes with the program"),
    .value("--faults", "LIST", "what goes wrong from the start, separated by commas"),
    .flag("--script", "run the script of the data file: phones that change, and events, by themselves"),
    .value("--ca", "FILE", "further authorities in PEM for the certificates of sinks, beside the system's"),
    .value("--url", "URL", "the running simulator (http://127.0.0.1:9101; in the demo it is there too)"),
    .value("--members", "JSON", "members of the event's data in the place of its own; null takes one away"),
    .value("--mode", "MODE", "structured or binary (structured)"),
    .value("--count", "N", "how many events (1; 10000 at most)"),
    .value("--repeat", "N", "how often each is sent, with the same id (1; 100 at most)"),
    .json,
    .flag("--print-data", "print the data file that comes with the program, to begin one's own with"),
  ]
  static let notes: String? = """
    Answers every operation of CAMARA's APIs that Passerelle ships policies for, but consent-info, which a gateway answers itself. It does
    so over HTTP and without asking for a token, and prints one line `ready http://HOST:PORT` when it serves. SIGTERM and SIGINT end it. What calls make (sessions, payments, subscriptions)
    is kept in memory, and shown to whoever has its id.

    A fault is API[/OPERATION]:FAULT[=VALUE][@SHARE%]; the API * is all of them, the operation is CAMARA's operationId, and @25% is
    every fourth call. FAULT is one of
      delay=300ms   the right answer, later (ms or s)
      error=503     an error of that status
      broken-json   the right answer, spoilt so that it is no JSON
      hang          no answer at all, until the client gives up
      reset         the connection is reset
      truncate      half of the right answer, then the connection closes
    for example  --faults '*:delay=200ms@50%,sim-swap/checkSimSwap:error=503@25%'

    Events go to the sinks of subscriptions, sessions, payments and refunds as CloudEvents, with the sink's access token: when a phone
    changes, when a state does, the initial one, and subscription-ended at a subscription's end. What the sink does not take is sent
    again a few times; 404 and 410 end it. A sink wants https, or http on the same machine.

    change: ACT is one of go-abroad, go-further, come-home, switch-off, switch-on, sms-only, swap-sim, swap-device, to-paris, to-lyon;
    JSON is such as '{"type": "3G", "connectivity": ["SMS"]}'; restore takes all changes back. raise sends an event whether it has happened
    or not: TYPE is its type, or the last word of it (roaming-on); to those of a NUMBER who have subscribed to it, or to the subscription,
    session, payment or refund that has the ID, whatever it is subscribed to.

    From the same machine alone, addressed by a name or address of its own, and to no page of another origin, while it runs:
      GET /simulator/                 the phones in a browser, with buttons for what happens to them
      GET /simulator/subscribers      who there is and how their phones are
      GET, POST, DELETE /simulator/subscribers/NUMBER/state
                                      POST {"act": "go-abroad"} or members of the data file; DELETE takes all changes back
      GET, POST /simulator/events     what was sent and what became of it; POST {"phoneNumber": "+33...", "type": "roaming-on",
                                      "data": {...}, "mode": "binary", "count": 3, "repeat": 2} sends; with "subscriptionId" to that one
                                      alone, whatever it is subscribed to
      GET /simulator                  APIs, base paths, operations
      GET, PUT, DELETE /simulator/faults
                                      the faults in force; PUT {"faults": ["sim-swap:hang"]} replaces them
      GET /simulator/messages         the SMS that were sent (codes of one use); ?phoneNumber=%2B33... those to one number
      GET /simulator/statistics       how often each path was called
      POST /simulator/reset           forget resources, messages, changes of phones, events and counts
    """

  static func run(_ arguments: Arguments) async throws {
    guard try await !SimulateActs(arguments: arguments).run() else { return }
    _ = try arguments.positional(exactly: 0, "nothing")
    guard !arguments.flag("--print-data") else {
      Output.bytes(SimulatedOperator.shippedFile)
      return
    }
    let host = arguments.value("--host") ?? "127.0.0.1"
    guard let address = SocketAddress(ip: host, port: 0) else { throw UsageError("--host wants a numeric address") }
    let port = try arguments.integer("--port", default: 9101, in: 0...65_535)
    let faults: [Fault]
    do { faults = try Fault.list(arguments.value("--faults") ?? "") } catch { throw UsageError("--faults: \(error.message)") }
    let data =
      try arguments.value("--data").map { try SimulatedOperator(Files.read($0), file: $0) } ?? SimulatedOperator.shipped()
    let signals = try Signals()
    let loops = try EventLoopGroup(count: 1, time: SystemTime())
    let backend = OperatorBackend(
      data: data, faults: faults, loop: loops.loops[0], tls: try TLSClientContext(caFile: arguments.value("--ca")))
    let listener: Listener
    do {
      listener = try Listener(address: host, port: port, group: loops, handler: backend)
    } catch {
      let hint = port == 0 ? "" : " (--port 0 takes a free one)"
      throw CommandFailure("cannot listen on \(host):\(port): \(error)\(hint)")
    }
    loops.start()
    listener.start()
    backend.startEvents(runsScript: arguments.flag("--script") ? true : nil)
    Output.line("ready http://\(address.ipBytes.count == 16 ? "[\(host)]" : host):\(listener.port)")
    await signals.terminated {}
    await listener.drain(deadlineSeconds: 1)
    loops.stop()
  }
}

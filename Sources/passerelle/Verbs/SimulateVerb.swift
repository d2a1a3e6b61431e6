import Bytes
import Simulator
import Wire

/// `passerelle simulate`: the simulated operator alone, as a backend for a gateway, this one or another.
enum SimulateVerb: Verb {
  static let name = "simulate"
  static let summary = "run the simulated operator alone: CAMARA backends to test a gateway against, with faults on demand"
  static let usage = [
    "simulate [--host 127.0.0.1] [--port 9101] [--data FILE] [--faults LIST]",
    "simulate --print-data",
  ]
  static let options: [OptionDefinition] = [
    .value("--host", "ADDRESS", "the numeric address to listen on (127.0.0.1)"),
    .value("--port", "PORT", "9101; 0 takes a free one"),
    .value("--data", "FILE", "subscribers and all else that the operator knows, instead of what comes with the program"),
    .value("--faults", "LIST", "what goes wrong from the start, separated by commas"),
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

    From the same machine alone, addressed by a name or address of its own, and to no page of another origin, while it runs:
      GET /simulator                  APIs, base paths, operations
      GET, PUT, DELETE /simulator/faults
                                      the faults in force; PUT {"faults": ["sim-swap:hang"]} replaces them
      GET /simulator/messages         the SMS that were sent (codes of one use); ?phoneNumber=%2B33... those to one number
      GET /simulator/statistics       how often each path was called
      POST /simulator/reset           forget resources, messages and counts
    """

  static func run(_ arguments: Arguments) async throws {
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
    let listener: Listener
    do {
      listener = try Listener(address: host, port: port, group: loops, handler: OperatorBackend(data: data, faults: faults))
    } catch {
      let hint = port == 0 ? "" : " (--port 0 takes a free one)"
      throw CommandFailure("cannot listen on \(host):\(port): \(error)\(hint)")
    }
    loops.start()
    listener.start()
    Output.line("ready http://\(address.ipBytes.count == 16 ? "[\(host)]" : host):\(listener.port)")
    await signals.terminated {}
    await listener.drain(deadlineSeconds: 1)
    loops.stop()
  }
}

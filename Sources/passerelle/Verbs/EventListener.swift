import Bytes
import Wire

/// `passerelle events listen`: a sink as an application has one, which prints what comes.
struct EventListener {
  private let port: Int
  private let settings: TLSServerSettings
  private let status: Int

  init(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "listen")
    port = try arguments.integer("--port", default: 9443, in: 0...65_535)
    status = try arguments.integer("--status", default: 204, in: 200...599)
    var files = (certificate: arguments.value("--certificate"), key: arguments.value("--key"))
    if let folder = arguments.value("--demo") {
      guard files.certificate == nil, files.key == nil else { throw UsageError("--demo has a certificate of its own") }
      files = SinkCertificate.files(in: folder)
    }
    guard let certificate = files.certificate, let key = files.key else {
      throw UsageError("listen wants --demo, or --certificate and --key: sinks are https")
    }
    settings = TLSServerSettings(certificates: [.init(certificateFile: certificate, keyFile: key)])
  }

  /// Until SIGTERM or SIGINT.
  func run() async throws {
    let signals = try Signals()
    let loops = try EventLoopGroup(count: 1, time: SystemTime())
    let tls: TLSServer
    do { tls = try TLSServer(settings, time: SystemTime()) } catch { throw CommandFailure("\(error)") }
    let listener: Listener
    do {
      listener = try Listener(address: "127.0.0.1", port: port, group: loops, handler: Sink(status: status), tls: tls)
    } catch { throw CommandFailure("cannot listen on 127.0.0.1:\(port): \(error) (--port 0 takes a free one)") }
    loops.start()
    listener.start()
    Output.line("ready https://127.0.0.1:\(listener.port)/events")
    await signals.terminated {}
    await listener.drain(deadlineSeconds: 1)
    loops.stop()
  }

  private final class Sink: RequestHandler {
    private let status: Int

    init(status: Int) { self.status = status }

    func bodyBytesMaximum(_ exchange: Exchange) -> Int? { nil }

    func handle(_ exchange: Exchange) {
      exchange.answer { [status] request in
        switch request.method {
        case "POST":
          Output.line(String(decoding: request.body, as: UTF8.self))
          return HTTPResponse(status: status)
        case "OPTIONS":
          // CloudEvents' web hooks, section 4.2.
          let origin = request.field("webhook-request-origin") ?? "*"
          return HTTPResponse(status: 200, fields: [("WebHook-Allowed-Origin", origin), ("Allow", "POST")])
        default: return HTTPResponse(status: 405, fields: [("Allow", "OPTIONS, POST")])
        }
      }
    }

    func reject(_ exchange: Exchange, _ rejection: HTTPRejection) { exchange.send(HTTPResponse(status: rejection.status)) }
  }
}

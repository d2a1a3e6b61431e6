import Administration
import Bytes
import Ledger
import Wire

/// How a command reaches the admin API of an installation: over HTTP when a gateway runs with its configuration, otherwise in
/// its own process, on the same files. The effect is the same, and at once.
struct AdminClient {
  private enum Way {
    case running(host: String, port: Int, token: String, tls: TLSClientContext?)
    case inProcess(Backbone, AdminAPI)
  }

  /// A hundred thousand tokens, or a year of usage by the hour.
  private static let answerBytesMaximum = 512 << 20

  private let way: Way
  private let loop: EventLoop

  /// - Throws: `CommandFailure` when a gateway holds the data but does not answer.
  init(_ configuration: Configuration) throws {
    loop = try EventLoop(index: 0, time: SystemTime())
    loop.start()
    // Asked first: what a running gateway works with need not be what the files say now, and no key is made in its folder meanwhile.
    guard !LedgerWriter.isInUse(directory: configuration.ledgerFolder) else {
      way = try Self.running(configuration)
      return
    }
    do {
      let backbone = try Backbone(configuration)
      way = .inProcess(backbone, AdminAPI(backbone.under(backbone.ruleset).adminDependencies))
    } catch LedgerError.inUse { way = try Self.running(configuration) }
  }

  private static func running(_ configuration: Configuration) throws -> Way {
    let token = String(decoding: try Files.read(configuration.admin.tokenFile), as: UTF8.self).trimmed
    return .running(
      host: configuration.admin.host, port: try port(configuration), token: token, tls: try trust(configuration.admin.tls))
  }

  /// The port of the running gateway, which it wrote down at its start: the configuration may say another one by now.
  private static func port(_ configuration: Configuration) throws -> Int {
    let file = configuration.data + "/admin-port"
    guard Files.exists(file) || configuration.admin.port == 0 else { return configuration.admin.port }
    let text = String(decoding: try Files.read(file), as: UTF8.self).trimmed
    guard let port = Int(text) else { throw CommandFailure("\(file): not a port") }
    return port
  }

  /// The gateway's own certificates are known from their files: exactly those are believed, so that the token reaches nobody else.
  private static func trust(_ settings: TLSServerSettings?) throws -> TLSClientContext? {
    guard let settings else { return nil }
    do { return try TLSClientContext(pinning: settings.certificates.map(\.certificateFile)) } catch {
      throw CommandFailure("admin.tls: \(error)")
    }
  }

  /// What the admin listener says at `/readyz`, which wants no token.
  ///
  /// - Throws: `CommandFailure` when it does not answer within 3 s.
  static func readiness(_ configuration: Configuration) async throws -> HTTPResponse {
    let (host, port) = (configuration.admin.host, try port(configuration))
    let loop = try EventLoop(index: 0, time: SystemTime())
    loop.start()
    defer { loop.stop() }
    let request = HTTPClientRequest(host: host, port: port, method: "GET", target: "/readyz", fields: [], body: [])
    do { return try await HTTPClient.send(request, timeoutSeconds: 3, loop: loop, tls: try trust(configuration.admin.tls)) } catch
    {
      throw CommandFailure("the admin listener does not answer on \(host):\(port): \(error)")
    }
  }

  /// Sends one request to `/admin/v1` + `path` and gives the JSON of the answer.
  ///
  /// - Throws: `CommandFailure` with the API's own message when it refuses.
  func send(_ method: String, _ path: String, body: [UInt8] = []) async throws -> JSONDocument {
    let response = try await answer(method, "/admin/v1" + path, body)
    let document = try JSONDocument(
      response.body, file: "admin API", limits: JSONLimits(depthMaximum: 32, nodesMaximum: Self.answerBytesMaximum))
    guard response.status < 300 else {
      throw CommandFailure(document.root["message"]?.string ?? "the admin API answered \(response.status)", isRefusal: true)
    }
    return document
  }

  /// Gets something that is not JSON, byte for byte.
  ///
  /// - Throws: `CommandFailure` with the API's own message when it refuses.
  func fetch(_ path: String) async throws -> [UInt8] {
    let response = try await answer("GET", "/admin/v1" + path, [])
    guard response.status < 300 else {
      let message = (try? JSONDocument(response.body, file: "admin API"))?.root["message"]?.string
      throw CommandFailure(message ?? "the admin API answered \(response.status)")
    }
    return response.body
  }

  /// Closes what was opened; after it the data is free for a gateway again.
  func close() {
    if case .inProcess(let backbone, _) = way { backbone.close() }
    loop.stop()
  }

  private func answer(_ method: String, _ target: String, _ body: [UInt8]) async throws -> HTTPResponse {
    switch way {
    case .inProcess(_, let api):
      return await api.respond(to: HTTPRequest(method: method, target: target, fields: [], body: body, loop: loop))
    case .running(let host, let port, let token, let tls):
      let request = HTTPClientRequest(
        host: host, port: port, method: method, target: target,
        fields: [("authorization", "Bearer \(token)"), ("content-type", "application/json")], body: body,
        answerBytesMaximum: Self.answerBytesMaximum)
      do { return try await HTTPClient.send(request, timeoutSeconds: 300, loop: loop, tls: tls) } catch {
        throw CommandFailure(
          "the gateway that uses this data does not answer on \(tls == nil ? "http" : "https")://\(host):\(port): \(error); is its admin listener reachable?"
        )
      }
    }
  }
}

extension String {
  /// Without spaces and line ends around it.
  var trimmed: String {
    var text = self[...]
    while text.last?.isWhitespace == true { text.removeLast() }
    while text.first?.isWhitespace == true { text.removeFirst() }
    return String(text)
  }
}

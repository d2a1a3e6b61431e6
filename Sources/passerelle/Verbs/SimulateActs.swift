import Bytes
import Wire

/// `passerelle simulate change|raise|events`: what happens to the phones of a running simulator, and what it told of it.
struct SimulateActs {
  static let usage = [
    "simulate change NUMBER ACT|JSON|restore [--url http://127.0.0.1:9101]",
    "simulate raise NUMBER|ID TYPE [--members JSON] [--mode structured|binary] [--count N] [--repeat N] [--json] [--url ...]",
    "simulate events [--json] [--url ...]",
  ]

  private static let timeoutSeconds = 30
  private static let answerBytesMaximum = 64 << 20
  private static let columns = [
    ("time", "time"), ("type", "type"), ("phone", "phoneNumber"), ("outcome", "outcome"), ("status", "status"),
    ("attempts", "attempts"),
  ]

  let arguments: Arguments

  /// - Returns: false when the words name none of these.
  func run() async throws -> Bool {
    switch arguments.positional.first {
    case "change": try await change()
    case "raise": try await raise()
    case "events": try await list()
    default: return false
    }
    return true
  }

  private func change() async throws {
    let words = try arguments.positional(exactly: 3, "change, a NUMBER and an ACT")
    let path = "/simulator/subscribers/\(words[1].replacing("+", with: "%2B"))/state"
    guard words[2] != "restore" else { Output.json(try await send("DELETE", path).root.raw); return }
    var body = JSONWriter()
    body.beginObject()
    body.field("act", words[2])
    body.endObject()
    Output.json(try await send("POST", path, words[2].hasPrefix("{") ? Array(words[2].utf8) : body.bytes).root.raw)
  }

  private func raise() async throws {
    let words = try arguments.positional(exactly: 3, "raise, a NUMBER or the ID of what is to tell, and a TYPE")
    var body = JSONWriter()
    body.beginObject()
    body.field(words[1].hasPrefix("+") ? "phoneNumber" : "subscriptionId", words[1])
    body.field("type", words[2])
    if let mode = arguments.value("--mode") { body.field("mode", mode) }
    body.field("count", try arguments.integer("--count", default: 1, in: 1...10_000))
    body.field("repeat", try arguments.integer("--repeat", default: 1, in: 1...100))
    if let members = arguments.value("--members") {
      guard let value = try? JSONDocument(Array(members.utf8)).root, value.kind == .object else {
        throw UsageError("--members wants a JSON object")
      }
      body.key("data")
      body.raw(value.raw)
    }
    body.endObject()
    let answer = try await send("POST", "/simulator/events", body.bytes)
    guard !arguments.flag("--json") else { Output.json(answer.root.raw); return }
    let told = answer.root["subscriptionIds"]?.array ?? []
    Output.line(told.isEmpty ? "nobody has subscribed to that" : told.compactMap(\.string).joined(separator: "\n"))
  }

  private func list() async throws {
    _ = try arguments.positional(exactly: 1, "events")
    let answer = try await send("GET", "/simulator/events")
    guard let events = answer.root["events"] else { throw CommandFailure("that is no simulator") }
    guard !arguments.flag("--json") else { Output.json(events.raw); return }
    let rows = (events.array ?? []).map { event in Self.columns.map { event[$0.1].map(Command.cell) ?? "-" } }
    Output.table(Self.columns.map(\.0), rows, none: "no event was sent")
  }

  private func send(_ method: String, _ path: String, _ body: [UInt8] = []) async throws -> JSONDocument {
    let url = arguments.value("--url") ?? "http://127.0.0.1:9101"
    guard let address = WebAddress((url.hasSuffix("/") ? String(url.dropLast()) : url) + path) else {
      throw UsageError("--url wants the address of a simulator, such as http://127.0.0.1:9101")
    }
    let loop = try EventLoop(index: 0, time: SystemTime())
    loop.start()
    defer { loop.stop() }
    let tls = try TLSClientContext()
    let response: HTTPResponse
    do throws(WebFailure) {
      response = try await WebClient(loop: loop, tls: tls).send(
        method, to: address, fields: body.isEmpty ? [] : [("content-type", "application/json")], body: body,
        timeoutSeconds: Self.timeoutSeconds, answerBytesMaximum: Self.answerBytesMaximum, rule: .any)
    } catch { throw CommandFailure("\(url): \(error)") }
    let document = try JSONDocument(response.body, file: url)
    guard (200..<300).contains(response.status) else {
      throw CommandFailure(document.root["message"]?.string ?? "\(url) answers \(response.status)")
    }
    return document
  }
}

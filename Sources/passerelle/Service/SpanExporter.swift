import Bytes
import JOSE
import Synchronization
import Telemetry
import Wire

/// Sends the spans of calls to a collector, OTLP over HTTP in JSON, a batch after the other. No call waits for it: what the queue has no
/// room for, and what the collector does not take, is dropped and counted.
final class SpanExporter: Sendable {
  static let batchMaximum = 512
  static let intervalMilliseconds = 1000
  static let timeoutSeconds = 5
  /// Of one batch; between them 1, 2 and 4 seconds pass.
  static let attemptsMaximum = 4

  let tracing: Tracing
  private let address: WebAddress
  private let fields: [(name: String, value: String)]
  private let document: OTLPDocument
  private let outbound: Outbound
  private let loop: EventLoop
  private let task = Mutex<Task<Void, Never>?>(nil)
  private let state = Mutex(State())
  private let complaint = Complaint { fault in
    if let fault {
      Log.process.warning("tracing.not_exported", "spans do not get through to the collector and are dropped: \(fault)")
    } else {
      Log.process.info("tracing.exported", "spans get through to the collector again")
    }
  }

  private struct State {
    var exported: UInt64 = 0
    var failed: UInt64 = 0
  }

  /// - Parameter loop: does the work; running by the time of `start`.
  /// - Throws: one line, when the file with the token cannot be used.
  init(_ settings: Configuration.Tracing, _ outbound: Outbound, loop: EventLoop) throws {
    tracing = Tracing(
      sampleRatio: settings.sampleRatio, trustsParents: settings.trustsParents,
      queue: SpanQueue(countMaximum: settings.collector.queueMaximum))
    address = settings.collector.address
    var fields: [(name: String, value: String)] = [("content-type", "application/json")]
    if let file = settings.collector.bearerTokenFile {
      let token = try OutboundServices.token(file, key: "tracing.otlp.bearerTokenFile")
      let name = settings.collector.header
      fields.append((name, name == "authorization" ? "Bearer \(token)" : token))
    }
    self.fields = fields
    document = OTLPDocument(
      resource: [("service.name", settings.serviceName), ("service.version", VersionVerb.version)], version: VersionVerb.version)
    self.outbound = outbound
    self.loop = loop
  }

  /// Once.
  func start() {
    task.withLock { task in
      guard task == nil else { return }
      task = Task(executorPreference: loop) { [self] in
        while !Task.isCancelled {
          try? await Task.sleep(for: .milliseconds(Self.intervalMilliseconds))
          await sendWaiting()
        }
      }
    }
  }

  /// Sends what waits, trying once, and ends. Not from the loop.
  func stop() async {
    let running = task.withLock { task in
      defer { task = nil }
      return task
    }
    running?.cancel()
    await running?.value
  }

  private func sendWaiting() async {
    while true {
      let spans = tracing.queue.take(Self.batchMaximum)
      guard !spans.isEmpty, await send(spans) else { return }
    }
  }

  /// False when the batch did not get through.
  private func send(_ spans: [FinishedSpan]) async -> Bool {
    let body = document.bytes(spans)
    var attempt = 1
    while true {
      switch await post(body) {
      case .taken(let rejected):
        note(exported: max(0, spans.count - rejected), failed: min(rejected, spans.count), fault: nil)
        return true
      case .failed(let fault, let isTemporary):
        guard isTemporary, attempt < Self.attemptsMaximum, !Task.isCancelled else {
          note(exported: 0, failed: spans.count, fault: fault)
          return false
        }
        try? await Task.sleep(for: .seconds(1 << (attempt - 1)))
        attempt += 1
      }
    }
  }

  private enum Outcome {
    case taken(rejected: Int)
    case failed(String, isTemporary: Bool)
  }

  private func post(_ body: [UInt8]) async -> Outcome {
    do throws(WebFailure) {
      let answer = try await outbound.web.send(
        "POST", to: address, fields: fields, body: body, timeoutSeconds: Self.timeoutSeconds, answerBytesMaximum: 65_536,
        rule: .any)
      guard (200..<300).contains(answer.status) else {
        // OTLP names these as those that are worth another try.
        return .failed("it answered \(answer.status)", isTemporary: [429, 502, 503, 504].contains(answer.status))
      }
      return .taken(rejected: Self.rejected(answer.body))
    } catch { return .failed("\(error)", isTemporary: true) }
  }

  /// A collector may take a part; a 64-bit number stands in quotes.
  private static func rejected(_ answer: [UInt8]) -> Int {
    let partial = (try? JSONDocument(answer))?.root["partialSuccess"]?["rejectedSpans"]
    return max(0, partial?.string.flatMap { Int($0) } ?? partial?.integer ?? 0)
  }

  private func note(exported: Int, failed: Int, fault: String?) {
    state.withLock { state in
      state.exported &+= UInt64(exported)
      state.failed &+= UInt64(failed)
    }
    complaint.note(fault)
  }

  func metrics() -> [MetricFamily] {
    let (exported, failed) = state.withLock { ($0.exported, $0.failed) }
    var spans = MetricFamily(
      "passerelle_spans", .counter,
      help: "Spans: taken by the collector, refused or not reached in time, and dropped because the queue was full.")
    spans.add(.count(exported), ("result", "exported"))
    spans.add(.count(failed), ("result", "failed"))
    spans.add(.count(tracing.queue.droppedCount), ("result", "dropped"))
    return [
      spans,
      .single(
        "passerelle_spans_waiting", .gauge, help: "Spans that wait for the next batch.",
        .count(UInt64(tracing.queue.waitingCount))),
    ]
  }
}

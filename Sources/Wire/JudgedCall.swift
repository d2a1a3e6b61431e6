import Bytes

/// One request of a `JudgedWebClient`, from the look-up to the answer. Keeps its pool while it is under way. Confined to its loop.
final class JudgedCall: UpstreamCall, TimerTarget {
  let deadlineNanoseconds: UInt64
  /// What is sent again must do no harm: an event has a name of its own by which its second coming is known.
  let isRepeatable = true
  private let request: HTTPClientRequest
  private let loop: EventLoop
  private let isWanted: @Sendable () -> Bool
  private var tell: ((Result<HTTPResponse, WebFailure>) -> Void)?
  private var pool: UpstreamPool?
  private lazy var timer = LoopTimer(self)

  init(
    _ request: HTTPClientRequest, loop: EventLoop, deadlineNanoseconds: UInt64, isWanted: @escaping @Sendable () -> Bool,
    tell: @escaping (Result<HTTPResponse, WebFailure>) -> Void
  ) {
    self.request = request
    self.loop = loop
    self.deadlineNanoseconds = deadlineNanoseconds
    self.isWanted = isWanted
    self.tell = tell
  }

  /// It waits for a name: only until its own deadline.
  func watch() { loop.timers.set(timer, at: deadlineNanoseconds) }

  func timerFired(_ timer: LoopTimer) { end(.failure(.timedOut)) }

  func start(in pool: UpstreamPool) {
    guard tell != nil else { return }
    loop.timers.cancel(timer)
    self.pool = pool
    pool.send(self)
  }

  var isStillWanted: Bool { isWanted() }

  func appendRequest(to output: inout [UInt8], authority: [UInt8]) {
    output.append(text: "\(request.method) \(request.target) HTTP/1.1\r\nHost: ")
    output.append(contentsOf: authority)
    for field in request.fields { output.append(text: "\r\n\(field.name): \(field.value)") }
    output.append(text: "\r\nContent-Length: \(request.body.count)\r\n\r\n")
    output.append(contentsOf: request.body)
  }

  func answered(_ answer: borrowing UpstreamAnswer) {
    var fields: [(name: String, value: String)] = []
    for index in 0..<answer.fieldCount {
      fields.append((answer.fieldName(index).string().lowercased(), answer.fieldValue(index).string()))
    }
    end(.success(HTTPResponse(status: answer.status, fields: fields, body: answer.body.bytes())))
  }

  func failed(_ failure: UpstreamFailure) { end(.failure(WebFailure(failure))) }
  func dismissed() { end(.failure(.unwanted)) }

  func end(_ result: Result<HTTPResponse, WebFailure>) {
    loop.timers.cancel(timer)
    let tell = tell
    self.tell = nil
    pool = nil
    tell?(result)
  }
}

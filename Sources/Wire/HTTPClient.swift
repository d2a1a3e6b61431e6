import Bytes

/// A request of the control plane to another server.
public struct HTTPClientRequest: Sendable {
  public var host: String
  public var port: Int
  public var method: String
  /// Path and query.
  public var target: String
  public var fields: [(name: String, value: String)]
  public var body: [UInt8]
  public var answerBytesMaximum: Int

  public init(
    host: String, port: Int, method: String, target: String, fields: [(name: String, value: String)] = [], body: [UInt8] = [],
    answerBytesMaximum: Int = UpstreamLimits().answerBytesMaximum
  ) {
    self.host = host
    self.port = port
    self.method = method
    self.target = target
    self.fields = fields
    self.body = body
    self.answerBytesMaximum = answerBytesMaximum
  }
}

/// A client for the control plane: one request, one connection.
public enum HTTPClient {
  /// Sends a request from a loop and waits for the whole answer. Any thread.
  ///
  /// - Throws: `UpstreamFailure`.
  public static func send(
    _ request: HTTPClientRequest, timeoutSeconds: Int, loop: EventLoop
  ) async throws(UpstreamFailure) -> HTTPResponse {
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<HTTPResponse, UpstreamFailure>, Never>) in
      loop.execute {
        var limits = UpstreamLimits()
        limits.answerBytesMaximum = request.answerBytesMaximum
        let pool = UpstreamPool(loop: loop, target: UpstreamTarget(host: request.host, port: request.port), limits: limits)
        let deadline = loop.nowNanoseconds + UInt64(timeoutSeconds) * 1_000_000_000
        pool.send(ClientCall(request, deadline: deadline, pool: pool, continuation))
      }
    }
    return try result.get()
  }
}

/// One request of the client. Keeps its pool alive until the answer is there. Confined to its loop.
private final class ClientCall: UpstreamCall {
  let deadlineNanoseconds: UInt64
  let isRepeatable = false
  private let request: HTTPClientRequest
  private var pool: UpstreamPool?
  private let continuation: CheckedContinuation<Result<HTTPResponse, UpstreamFailure>, Never>

  init(
    _ request: HTTPClientRequest, deadline: UInt64, pool: UpstreamPool,
    _ continuation: CheckedContinuation<Result<HTTPResponse, UpstreamFailure>, Never>
  ) {
    self.request = request
    deadlineNanoseconds = deadline
    self.pool = pool
    self.continuation = continuation
  }

  func appendRequest(to output: inout [UInt8]) {
    let authority = UpstreamTarget(host: request.host, port: request.port).authority
    var head = "\(request.method) \(request.target) HTTP/1.1\r\nHost: \(authority)\r\nConnection: close\r\n"
    for field in request.fields { head += "\(field.name): \(field.value)\r\n" }
    if !request.body.isEmpty || request.method != "GET" { head += "Content-Length: \(request.body.count)\r\n" }
    output.append(contentsOf: (head + "\r\n").utf8)
    output.append(contentsOf: request.body)
  }

  func answered(_ answer: borrowing UpstreamAnswer) {
    var fields: [(name: String, value: String)] = []
    for index in 0..<answer.fieldCount {
      fields.append((answer.fieldName(index).string().lowercased(), answer.fieldValue(index).string()))
    }
    end(.success(HTTPResponse(status: answer.status, fields: fields, body: answer.body.bytes())))
  }

  func failed(_ failure: UpstreamFailure) { end(.failure(failure)) }

  private func end(_ result: Result<HTTPResponse, UpstreamFailure>) {
    let pool = pool
    self.pool = nil
    continuation.resume(returning: result)
    // After this turn: the connection that told us is still on the stack.
    pool?.loop.execute { pool?.close() }
  }
}

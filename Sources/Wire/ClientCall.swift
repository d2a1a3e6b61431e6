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

  /// True when nothing in it can be read as more than it is: a value that somebody gave us, with a line end in it, would become
  /// a second field or a second request (A26). Fields about framing and the connection are ours to write; the answer to `HEAD`
  /// is framed otherwise than this client reads it.
  var isWellFormed: Bool {
    let target = Array(target.utf8)
    guard ByteClass.isToken(Array(method.utf8).span), method != "HEAD", method != "CONNECT",
      target.first == UInt8(ascii: "/"), ByteClass.isTarget(target.span)
    else { return false }
    return fields.allSatisfy { field in
      ByteClass.isToken(Array(field.name.utf8).span) && ByteClass.isValue(Array(field.value.utf8).span)
        && !["host", "connection", "content-length", "transfer-encoding"].contains(field.name.lowercased())
    }
  }
}

/// One request of the control plane, over a connection of its own or over one that is kept. Keeps its pool alive until the answer is
/// there. Confined to its loop.
final class ClientCall: UpstreamCall {
  let deadlineNanoseconds: UInt64
  /// The pool is its own, and is closed after it.
  private let isAlone: Bool
  var isRepeatable: Bool { !isAlone }
  private let request: HTTPClientRequest
  private var pool: UpstreamPool?
  private let tell: (Result<HTTPResponse, UpstreamFailure>) -> Void

  private init(
    _ request: HTTPClientRequest, deadlineNanoseconds: UInt64, pool: UpstreamPool, isAlone: Bool,
    tell: @escaping (Result<HTTPResponse, UpstreamFailure>) -> Void
  ) {
    self.isAlone = isAlone
    self.request = request
    self.deadlineNanoseconds = deadlineNanoseconds
    self.pool = pool
    self.tell = tell
  }

  /// Sends a request over a pool that nobody else uses, which is closed afterwards. On the loop.
  ///
  /// - Parameter tell: gets the whole answer or why there is none, once.
  static func send(
    _ request: HTTPClientRequest, deadlineNanoseconds: UInt64, pool: UpstreamPool,
    tell: @escaping (Result<HTTPResponse, UpstreamFailure>) -> Void
  ) {
    guard request.isWellFormed else { tell(.failure(.broken)); return }
    pool.send(ClientCall(request, deadlineNanoseconds: deadlineNanoseconds, pool: pool, isAlone: true, tell: tell))
  }

  /// Sends a request over a pool that stays. It is sent again when a kept connection turns out to be dead. On the loop.
  static func send(
    _ request: HTTPClientRequest, deadlineNanoseconds: UInt64, keeping pool: UpstreamPool,
    tell: @escaping (Result<HTTPResponse, UpstreamFailure>) -> Void
  ) {
    guard request.isWellFormed else { tell(.failure(.broken)); return }
    pool.send(ClientCall(request, deadlineNanoseconds: deadlineNanoseconds, pool: pool, isAlone: false, tell: tell))
  }

  func appendRequest(to output: inout [UInt8], authority: [UInt8]) {
    var head = "\(request.method) \(request.target) HTTP/1.1\r\nHost: \(String(decoding: authority, as: UTF8.self))\r\n"
    if isAlone { head += "Connection: close\r\n" }
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
    tell(result)
    guard isAlone else { return }
    // After this turn: the connection that told us is still on the stack.
    pool?.loop.execute { pool?.close() }
  }
}

import Bytes

/// One request and its answer on a connection to a client, as a handler sees it. There is one for each connection, used again
/// for each request. Confined to its loop.
///
/// The spans are of the connection's buffer: they hold until the answer is sent. An answer is begun and ended in one go:
/// `beginResponse`, `addField`..., `endResponse`.
public final class Exchange: @unchecked Sendable {
  public let loop: EventLoop
  public let remoteAddress: SocketAddress
  /// The certificate with which the client came, proven in the connection's own handshake: SHA-256 in base64url (RFC 8705 §3.1). Nil
  /// without one; no field of a request can say it.
  public let clientCertificate: String?
  /// When the head was complete; monotonic.
  public internal(set) var arrivedNanoseconds: UInt64 = 0
  /// Whatever the handler keeps for this connection, so that it need not make it anew for each request.
  public var handlerState: AnyObject?
  /// Set by a handler, the connection closes after the answer.
  public var closesAfterResponse = false
  /// Set by a handler, the client is not read from for a moment after the answer: it was refused because there is too much to do.
  public var pausesAfterResponse = false

  unowned let connection: ServerConnection
  /// The header fields, shared with the connection's parser.
  private let fields: FieldLines
  /// The connection's bytes while the request is handled, and nothing before and afterwards: every part is asked for often, and
  /// asking the connection each time would count references up and down.
  private var lent: (start: UnsafePointer<UInt8>, count: Int)
  var bodyRange = ByteRange(start: 0, count: 0)
  private(set) var method = HTTPMethod.other
  private var pathRange = ByteRange(start: 0, count: 0)
  private var queryRange: ByteRange?

  init(
    connection: ServerConnection, fields: FieldLines, loop: EventLoop, remoteAddress: SocketAddress,
    clientCertificate: String? = nil
  ) {
    self.connection = connection
    self.fields = fields
    lent = (Self.nothing, 0)
    self.loop = loop
    self.remoteAddress = remoteAddress
    self.clientCertificate = clientCertificate
  }

  /// A place for an empty span to begin at; it is never read.
  private nonisolated(unsafe) static let nothing = UnsafePointer(UnsafeMutablePointer<UInt8>.allocate(capacity: 1))

  /// The connection's bytes, which stay where they are until `takeBack`.
  func lend(_ buffer: ReadBuffer) { lent = (buffer.start, buffer.upper) }

  /// The answer is sent: whoever asks for a part now has made a mistake that is caught by its bounds.
  func takeBack() { lent = (Self.nothing, 0) }

  /// A new request begins: nothing is known of it yet.
  func clear() {
    takeBack()
    method = .other
    pathRange = ByteRange(start: 0, count: 0)
    queryRange = nil
    bodyRange = ByteRange(start: 0, count: 0)
  }

  /// The head is complete: notes what of it is asked for often.
  func begin() {
    arrivedNanoseconds = loop.nowNanoseconds
    bodyRange = ByteRange(start: connection.parser.end, count: 0)
    closesAfterResponse = false
    pausesAfterResponse = false
    method = HTTPMethod(methodBytes)
    let target = connection.parser.target
    if let mark = part(target).firstIndex(of: 0x3F) {
      pathRange = ByteRange(start: target.lower, count: mark)
      queryRange = ByteRange(start: target.lower + mark + 1, count: Int(target.count) - mark - 1)
    } else {
      pathRange = target
      queryRange = nil
    }
  }

  // MARK: The request

  /// True when the client has gone; an answer then goes nowhere, and sending it is harmless.
  public var isAbandoned: Bool { connection.isClosed }

  public var methodBytes: Span<UInt8> {
    @_lifetime(borrow self) get { part(connection.parser.method) }
  }
  /// Path and query, as they were sent.
  public var target: Span<UInt8> {
    @_lifetime(borrow self) get { part(connection.parser.target) }
  }
  /// The target before the first `?`, as it was sent.
  public var path: Span<UInt8> {
    @_lifetime(borrow self) get { part(pathRange) }
  }
  /// What follows the first `?`, as it was sent.
  public var query: Span<UInt8>? {
    @_lifetime(borrow self)
    get {
      guard let queryRange else { return nil }
      return part(queryRange)
    }
  }
  /// The whole body, its transfer coding undone; empty when there is none.
  public var body: Span<UInt8> {
    @_lifetime(borrow self) get { part(bodyRange) }
  }
  /// True when the request said that it has a body, be it empty.
  public var hasBody: Bool { connection.parser.framing != .none }

  /// The value of the first field of a name.
  @_lifetime(borrow self)
  public func field(_ known: KnownField) -> Span<UInt8>? {
    guard let range = fields.first(known) else { return nil }
    return part(range)
  }

  /// How many fields of a name there are.
  public func count(_ known: KnownField) -> Int { fields.count(of: known) }

  public var fieldCount: Int { fields.count }

  @_lifetime(borrow self)
  public func fieldName(_ index: Int) -> Span<UInt8> { part(fields[index].name) }

  @_lifetime(borrow self)
  public func fieldValue(_ index: Int) -> Span<UInt8> { part(fields[index].value) }

  /// A copy that owns what it holds.
  public func makeRequest() -> HTTPRequest {
    HTTPRequest(
      method: methodBytes.string(), target: target.string(),
      fields: (0..<fieldCount).map { (fieldName($0).string().lowercased(), fieldValue($0).string()) }, body: body.bytes(),
      remoteAddress: remoteAddress, clientCertificate: clientCertificate, loop: loop)
  }

  @_lifetime(borrow self)
  private func part(_ range: ByteRange) -> Span<UInt8> {
    // Sound: the connection owns this exchange and keeps its buffer as it is until it takes the bytes back.
    let span = unsafe Span<UInt8>(_unsafeStart: lent.start, count: lent.count).slice(range)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  // MARK: The answer

  /// Writes the status line and `Date`.
  public func beginResponse(status: Int) {
    // One large answer of the control plane must not stay in memory for ever.
    loop.output.removeAll(keepingCapacity: loop.output.capacity <= 1 << 20)
    connection.responseStatus = status
    append("HTTP/1.1 ")
    loop.output.append(UInt8(0x30 + status / 100 % 10))
    loop.output.append(UInt8(0x30 + status / 10 % 10))
    loop.output.append(UInt8(0x30 + status % 10))
    append(" ")
    append(ReasonPhrase.of(status))
    append("\r\n")
    loop.httpDate.refresh(loop.time.now())
    loop.output.append(contentsOf: loop.httpDate.field)
  }

  /// - Parameter name: with colon and space, as `"x-correlator: "`.
  public func addField(_ name: StaticString, _ value: Span<UInt8>) {
    append(name)
    loop.output.append(value)
    append("\r\n")
  }

  /// Whole lines, each with its end, which somebody has seen to hold nothing else.
  public func addFields(_ lines: [UInt8]) { loop.output.append(contentsOf: lines) }

  /// A value with a control character would be a field of its own (A33): such characters are dropped.
  public func addField(_ name: StaticString, _ value: String) {
    append(name)
    for byte in value.utf8 where byte == 0x09 || (byte >= 0x20 && byte != 0x7F) { loop.output.append(byte) }
    append("\r\n")
  }

  public func addField(_ name: StaticString, _ value: Int) {
    append(name)
    loop.output.append(decimal: value)
    append("\r\n")
  }

  /// Adds a field whose value is a list of parameters with whole numbers: `"calls";r=7;t=30`.
  ///
  /// - Parameters:
  ///   - name: with colon, space and the item.
  ///   - first: name and value of the first parameter, the name with `;` and `=`; `second` likewise.
  public func addField(_ name: StaticString, _ first: (StaticString, Int), _ second: (StaticString, Int)) {
    append(name)
    append(first.0)
    loop.output.append(decimal: first.1)
    append(second.0)
    loop.output.append(decimal: second.1)
    append("\r\n")
  }

  /// Ends the head, adds the body, and sends all of it.
  public func endResponse(body: Span<UInt8>) {
    let status = connection.responseStatus
    // RFC 9110 §6.4.1: these have no body, nor a length of one.
    let mayHaveBody = status >= 200 && status != 204 && status != 304
    if mayHaveBody {
      append("Content-Length: ")
      loop.output.append(decimal: body.count)
      append("\r\n")
    }
    if connection.willClose { append("Connection: close\r\n") }
    append("\r\n")
    if mayHaveBody, method != .head { loop.output.append(body) }
    connection.send()
  }

  /// Sends an answer of the control plane. Names and values are made safe for a header.
  public func send(_ response: HTTPResponse) {
    beginResponse(status: response.status)
    for field in response.fields {
      loop.output.append(contentsOf: field.name.utf8.filter { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A })
      addField(": ", field.value)
    }
    endResponse(body: response.body.span)
  }

  /// Answers with what an async function gives. It runs on this loop; when the client goes meanwhile, its answer is dropped.
  public func answer(_ operation: @escaping @Sendable (HTTPRequest) async -> HTTPResponse) {
    let request = makeRequest()
    let serial = connection.serial
    loop.spawn { [connection] in
      let response = await operation(request)
      connection.answer(response, to: serial)
    }
  }

  /// Closes the connection without an answer, or in the middle of one: for simulated faults.
  public func sever(after response: HTTPResponse? = nil) {
    if let response {
      let head =
        "HTTP/1.1 \(response.status) OK\r\nContent-Type: application/json\r\nContent-Length: \(response.body.count)\r\n\r\n"
      connection.sendPart(Array(head.utf8) + response.body.prefix(response.body.count / 2))
    }
    connection.sever()
  }

  /// Resets the connection without an answer (TCP RST): for simulated faults.
  public func reset() { connection.reset() }

  private func append(_ text: StaticString) { loop.output.append(text) }
}

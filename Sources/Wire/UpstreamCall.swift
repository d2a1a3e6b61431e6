import Bytes

/// A backend's address.
public struct UpstreamTarget: Sendable, Hashable {
  /// A numeric address or a name. With TLS, what the certificate must be for.
  public let host: String
  public let port: Int
  /// How connections are secured; nil for plain TCP.
  public let tls: TLSClientContext?

  /// A backend that is spoken to in the clear.
  public init(host: String, port: Int) {
    self.host = host
    self.port = port
    tls = nil
  }

  /// A backend that is spoken to over TLS.
  public init(host: String, port: Int, tls: TLSClientContext) {
    self.host = host
    self.port = port
    self.tls = tls
  }

  /// The value of `Host`.
  public var authority: String {
    let name = host.utf8.contains(0x3A) ? "[\(host)]" : host
    return port == (tls == nil ? 80 : 443) ? name : "\(name):\(port)"
  }
}

/// What one backend may cost a loop.
public struct UpstreamLimits: Sendable {
  public var connectionsMaximum = 256
  /// Kept open between calls.
  public var idleConnectionsMaximum = 64
  public var idleSecondsMaximum = 50
  public var connectSecondsMaximum = 2
  /// Calls that wait for a connection.
  public var queueMaximum = 1024
  public var headBytesMaximum = 16_384
  /// Body of an answer.
  public var answerBytesMaximum = 8 << 20

  public init() {}
}

/// Why a call got no answer.
public enum UpstreamFailure: Error, Sendable, Equatable {
  /// No connection: refused, no such host, too many calls waiting. Nothing was sent.
  case unreachable
  /// No TLS connection: the handshake failed, or the certificate is not good for this backend. Nothing was sent.
  case untrusted(TLSFault)
  /// The answer is not HTTP, or the connection broke before it was complete.
  case broken
  /// The deadline has passed.
  case timedOut
  case tooLarge
}

/// A call to a backend. Confined to the loop of the pool that it is sent with.
public protocol UpstreamCall: AnyObject {
  /// Absolute and monotonic; the call has failed when it passes.
  var deadlineNanoseconds: UInt64 { get }
  /// It does no harm to send it twice: a kept connection that turns out to be dead is then made up for.
  var isRepeatable: Bool { get }
  /// Appends the whole request. Called again when the call is sent again.
  func appendRequest(to output: inout [UInt8])
  /// The answer is complete. Its spans hold during this call. Exactly one of `answered` and `failed` comes, once.
  func answered(_ answer: borrowing UpstreamAnswer)
  func failed(_ failure: UpstreamFailure)
}

/// A backend's complete answer, lent for the length of one call.
public struct UpstreamAnswer: ~Copyable, ~Escapable {
  public let status: Int
  private let bytes: Span<UInt8>
  private let fields: FieldLines
  private let bodyRange: Range<Int>

  @_lifetime(copy bytes)
  init(status: Int, bytes: Span<UInt8>, fields: FieldLines, body: Range<Int>) {
    self.status = status
    self.bytes = bytes
    self.fields = fields
    bodyRange = body
  }

  /// The whole body, its transfer coding undone.
  public var body: Span<UInt8> {
    @_lifetime(copy self) get { bytes.extracting(bodyRange) }
  }

  /// The value of the first field of a name.
  @_lifetime(copy self)
  public func field(_ known: KnownField) -> Span<UInt8>? {
    guard let range = fields.first(known) else { return nil }
    return bytes.slice(range)
  }

  public var fieldCount: Int { fields.count }

  @_lifetime(copy self)
  public func fieldName(_ index: Int) -> Span<UInt8> { bytes.slice(fields[index].name) }

  @_lifetime(copy self)
  public func fieldValue(_ index: Int) -> Span<UInt8> { bytes.slice(fields[index].value) }
}

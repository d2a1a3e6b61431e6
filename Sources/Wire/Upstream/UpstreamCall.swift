import Bytes

/// Why a call got no answer.
public enum UpstreamFailure: Error, Sendable, Equatable {
  /// No connection: refused, or no such host. Nothing was sent.
  case unreachable
  /// No target may be asked at the moment: each has failed and its time is not over. Nothing was sent.
  case ejected
  /// Too many calls wait for a connection, this one has waited too long, or the system has no socket left. Nothing was sent.
  case overloaded
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
  /// It does no harm to send it twice: when no byte of an answer has come, it may be sent again.
  var isRepeatable: Bool { get }
  /// Appends the whole request. Called again when the call is sent again.
  ///
  /// - Parameter authority: the value of `Host`, of the target that it goes to.
  func appendRequest(to output: inout [UInt8], authority: [UInt8])
  /// Asked right before the request is written, also when it is sent again: a call may wait for a connection for as long as its whole time,
  /// and what made it right may have ended meanwhile. When this is false nothing is written, and `dismissed` comes.
  var isStillWanted: Bool { get }
  /// The answer is complete. Its spans hold during this call. Exactly one of `answered`, `failed` and `dismissed` comes, once.
  func answered(_ answer: borrowing UpstreamAnswer)
  func failed(_ failure: UpstreamFailure)
  func dismissed()
}

extension UpstreamCall {
  public var isStillWanted: Bool { true }
  public func dismissed() {}
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

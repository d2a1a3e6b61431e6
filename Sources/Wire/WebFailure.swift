/// Why a request to somebody else's server got no answer. Its text holds neither address nor name nor anything that was sent.
public enum WebFailure: Error, Sendable, Hashable, CustomStringConvertible {
  /// The name stands for no address, or too many names are being looked up.
  case unresolvable
  /// The name stands for an address to which the rule does not let us go.
  case forbiddenAddress
  /// No connection. Nothing was sent.
  case unreachable
  /// No TLS connection: the handshake failed, or the certificate is not good for this host. Nothing was sent.
  case untrusted(TLSFault)
  /// The time has passed, whatever it was spent on.
  case timedOut
  /// The answer is larger than it may be.
  case tooLarge
  /// What was to be sent was no longer wanted when its turn came. Nothing was sent.
  case unwanted
  /// The answer is not HTTP, the connection broke before it was complete, or the request could not be written safely.
  case broken

  init(_ failure: UpstreamFailure) {
    switch failure {
    case .unreachable, .ejected, .overloaded: self = .unreachable
    case .untrusted(let fault): self = .untrusted(fault)
    case .timedOut: self = .timedOut
    case .tooLarge: self = .tooLarge
    case .broken: self = .broken
    }
  }

  public var description: String {
    switch self {
    case .unresolvable: "the name cannot be looked up"
    case .forbiddenAddress: "the name stands for an address that is not allowed"
    case .unreachable: "no connection"
    case .untrusted(let fault): fault.description
    case .timedOut: "no answer in time"
    case .tooLarge: "the answer is too large"
    case .unwanted: "it was no longer to be sent"
    case .broken: "the exchange broke off or was not HTTP"
    }
  }
}

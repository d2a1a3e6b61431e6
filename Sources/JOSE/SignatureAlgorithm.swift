/// The signatures that Passerelle makes and accepts (RFC 7518 §3.1, RFC 8037 §3.1). There is no symmetric one and no "none".
public enum SignatureAlgorithm: String, Sendable, CaseIterable {
  case es256 = "ES256"
  case es384 = "ES384"
  case rs256 = "RS256"
  case ps256 = "PS256"
  case edDSA = "EdDSA"

  /// Bytes of `r` and of `s` in a signature, for ECDSA (RFC 7518 §3.4).
  var coordinateCount: Int? {
    switch self {
    case .es256: 32
    case .es384: 48
    case .rs256, .ps256, .edDSA: nil
    }
  }

  /// OpenSSL's name of the digest; nil where the signature brings its own.
  var digestName: String? {
    switch self {
    case .es256, .rs256, .ps256: "SHA256"
    case .es384: "SHA384"
    case .edDSA: nil
    }
  }
}

/// Why a token, a key or a key set was refused. Never holds a byte of what was refused.
public enum JOSEError: Error, Equatable, CustomStringConvertible {
  case malformed(String)
  case unsupportedAlgorithm
  case unsupportedCritical
  case unknownKey
  case badSignature
  case badKey(String)
  case signingFailed

  public var description: String {
    switch self {
    case .malformed(let what): "malformed \(what)"
    case .unsupportedAlgorithm: "the algorithm is not supported, or not the key's"
    case .unsupportedCritical: "a critical header parameter is not understood"
    case .unknownKey: "no such key"
    case .badSignature: "the signature is not good"
    case .badKey(let why): "a key that cannot be used: \(why)"
    case .signingFailed: "the signature could not be made"
    }
  }
}

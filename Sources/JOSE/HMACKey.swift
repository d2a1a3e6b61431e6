import Bytes
import COpenSSLSystem

/// A key for HMAC-SHA-256 (RFC 2104): pairwise identifiers, look-ups of numbers that are not stored.
public struct HMACKey: Sendable {
  private let key: [UInt8]

  /// - Precondition: 16 bytes or more.
  public init(_ key: [UInt8]) {
    precondition(key.count >= 16)
    self.key = key
  }

  public func authenticate(_ message: Span<UInt8>) -> Digest32 {
    var code = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    // Sound: all four buffers live through the call; the code has room for the 32 bytes that SHA-256 gives.
    let done = unsafe message.withUnsafeBufferPointer { message in
      unsafe HMAC(EVP_sha256(), key, Int32(key.count), message.baseAddress, message.count, &code, &count)
    }
    precondition(done != nil && count == 32, "HMAC failed")
    return Digest32(bytes: code)!
  }

  public func authenticate(_ message: [UInt8]) -> Digest32 { authenticate(message.span) }

  /// In constant time.
  public func isAuthentic(_ message: [UInt8], _ code: [UInt8]) -> Bool {
    ConstantTime.equals(authenticate(message).bytes.span, code.span)
  }
}

/// Comparison whose time does not tell where two secrets differ (A37).
public enum ConstantTime {
  /// The lengths are no secret; the bytes are.
  public static func equals(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    return unsafe left.withUnsafeBytes { left in
      unsafe right.withUnsafeBytes { right in
        unsafe left.isEmpty || CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
      }
    }
  }
}

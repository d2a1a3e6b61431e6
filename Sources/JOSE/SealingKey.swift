import Bytes
import COpenSSLSystem

/// Seals what is stored and must be read again, with AES-256-GCM (NIST SP 800-38D).
public struct SealingKey: Sendable {
  private static let nonceCount = 12
  private static let tagCount = 16
  private let key: [UInt8]

  /// - Precondition: 32 bytes.
  public init(_ key: [UInt8]) {
    precondition(key.count == 32)
    self.key = key
  }

  /// Nonce, ciphertext and tag in one. The context is bound in: the same bytes do not open under another.
  public func seal(_ plaintext: [UInt8], context: [UInt8]) -> [UInt8] {
    let nonce = Random.bytes(Self.nonceCount)
    let cipher = Cipher()
    var output = [UInt8](repeating: 0, count: plaintext.count)
    var count: Int32 = 0
    var tag = [UInt8](repeating: 0, count: Self.tagCount)
    precondition(EVP_EncryptInit_ex(cipher.context, EVP_aes_256_gcm(), nil, key, nonce) == 1)
    precondition(EVP_EncryptUpdate(cipher.context, nil, &count, context, Int32(context.count)) == 1)
    precondition(EVP_EncryptUpdate(cipher.context, &output, &count, plaintext, Int32(plaintext.count)) == 1)
    precondition(EVP_EncryptFinal_ex(cipher.context, nil, &count) == 1)
    precondition(EVP_CIPHER_CTX_ctrl(cipher.context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagCount), &tag) == 1)
    return nonce + output + tag
  }

  /// Nil when the bytes were not sealed with this key and context, or were altered.
  public func open(_ sealed: [UInt8], context: [UInt8]) -> [UInt8]? {
    guard sealed.count >= Self.nonceCount + Self.tagCount else { return nil }
    let nonce = Array(sealed[..<Self.nonceCount])
    let ciphertext = Array(sealed[Self.nonceCount..<(sealed.count - Self.tagCount)])
    var tag = Array(sealed[(sealed.count - Self.tagCount)...])
    let cipher = Cipher()
    var output = [UInt8](repeating: 0, count: ciphertext.count)
    var count: Int32 = 0
    guard EVP_DecryptInit_ex(cipher.context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
      EVP_DecryptUpdate(cipher.context, nil, &count, context, Int32(context.count)) == 1,
      EVP_DecryptUpdate(cipher.context, &output, &count, ciphertext, Int32(ciphertext.count)) == 1,
      EVP_CIPHER_CTX_ctrl(cipher.context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagCount), &tag) == 1,
      EVP_DecryptFinal_ex(cipher.context, nil, &count) == 1
    else {
      ERR_clear_error()
      return nil
    }
    return output
  }

  /// Owns one context of OpenSSL for the length of a call.
  private final class Cipher {
    let context = EVP_CIPHER_CTX_new()!
    deinit { EVP_CIPHER_CTX_free(context) }
  }
}

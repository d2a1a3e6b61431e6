import Bytes
import COpenSSL
import COpenSSLSystem

/// Owns one key of OpenSSL. The key is never changed after it was made, and OpenSSL lets many threads use it then.
final class KeyHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  /// Takes over the pointer.
  init(_ pointer: OpaquePointer) { self.pointer = pointer }
  deinit { EVP_PKEY_free(pointer) }

  var bits: Int { Int(EVP_PKEY_get_bits(pointer)) }

  /// An unsigned number of the key, big-endian without leading zeros.
  func number(_ name: String) -> [UInt8]? {
    var number: OpaquePointer?
    guard EVP_PKEY_get_bn_param(pointer, name, &number) == 1, let number else { return nil }
    defer { BN_free(number) }
    var bytes = [UInt8](repeating: 0, count: Int((BN_num_bits(number) + 7) / 8))
    BN_bn2bin(number, &bytes)
    return bytes
  }

  /// OpenSSL's name of an elliptic key's curve.
  var groupName: String? {
    var name = [CChar](repeating: 0, count: 64)
    var count = 0
    guard EVP_PKEY_get_group_name(pointer, &name, name.count, &count) == 1, count < name.count else { return nil }
    return String(decoding: name[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// An octet string of the key.
  func octets(_ name: String) -> [UInt8]? {
    var count = 0
    guard EVP_PKEY_get_octet_string_param(pointer, name, nil, 0, &count) == 1 else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    guard EVP_PKEY_get_octet_string_param(pointer, name, &bytes, count, &count) == 1 else { return nil }
    return bytes
  }
}

/// Builds public keys of OpenSSL from their numbers.
enum PublicKeyBuilder {
  /// - Parameters:
  ///   - group: OpenSSL's name of the curve.
  ///   - point: uncompressed: 4, x, y.
  static func elliptic(group: StaticString, point: [UInt8]) throws(JOSEError) -> KeyHandle {
    // The builder keeps pointers, not copies, until the key is made from it: names and values must live until then.
    let made: Result<KeyHandle, JOSEError> = point.withUnsafeBufferPointer { point in
      Result { () throws(JOSEError) in
        try build("EC") { builder in
          OSSL_PARAM_BLD_push_utf8_string(builder, name("group"), name(group), group.utf8CodeUnitCount) == 1
            && OSSL_PARAM_BLD_push_octet_string(builder, name("pub"), point.baseAddress, point.count) == 1
        }
      }
    }
    let key = try made.get()
    try check(key)
    return key
  }

  /// A literal as C text that lives for ever.
  private static func name(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }

  static func rsa(modulus: [UInt8], exponent: [UInt8]) throws(JOSEError) -> KeyHandle {
    guard let n = BN_bin2bn(modulus, Int32(modulus.count), nil), let e = BN_bin2bn(exponent, Int32(exponent.count), nil) else {
      throw .badKey("RSA numbers")
    }
    defer {
      BN_free(n)
      BN_free(e)
    }
    let key = try build("RSA") { builder in
      OSSL_PARAM_BLD_push_BN(builder, name("n"), n) == 1 && OSSL_PARAM_BLD_push_BN(builder, name("e"), e) == 1
    }
    // Below 2048 bits it is broken (RFC 7518 §3.3); far above, each verification is a gift to an attacker.
    guard (2048...8192).contains(key.bits), exponent.last.map({ $0 & 1 == 1 }) ?? false, exponent != [1], exponent.count <= 8
    else {
      throw .badKey("an RSA key wants 2048 to 8192 bits and a small odd exponent")
    }
    return key
  }

  static func ed25519(_ point: [UInt8]) throws(JOSEError) -> KeyHandle {
    guard let key = EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, point, point.count) else {
      ERR_clear_error()
      throw .badKey("Ed25519 point")
    }
    return KeyHandle(key)
  }

  private static func build(_ type: String, _ push: (OpaquePointer) -> Bool) throws(JOSEError) -> KeyHandle {
    guard let builder = OSSL_PARAM_BLD_new() else { throw .badKey(type) }
    defer { OSSL_PARAM_BLD_free(builder) }
    guard push(builder), let parameters = OSSL_PARAM_BLD_to_param(builder) else { throw .badKey(type) }
    defer { OSSL_PARAM_free(parameters) }
    guard let context = EVP_PKEY_CTX_new_from_name(nil, type, nil) else { throw .badKey(type) }
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_fromdata_init(context) == 1,
      EVP_PKEY_fromdata(context, &key, passerelle_public_key_selection(), parameters) == 1, let key
    else {
      ERR_clear_error()
      throw .badKey("\(type) numbers")
    }
    return KeyHandle(key)
  }

  /// The point is on its curve and of full order.
  private static func check(_ key: KeyHandle) throws(JOSEError) {
    guard let context = EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil) else { throw .badKey("point") }
    defer { EVP_PKEY_CTX_free(context) }
    guard EVP_PKEY_public_check(context) == 1 else {
      ERR_clear_error()
      throw .badKey("a point that is not on its curve")
    }
  }
}

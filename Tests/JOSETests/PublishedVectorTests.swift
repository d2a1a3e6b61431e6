import Bytes
import Testing

@testable import JOSE

/// What the RFCs and OpenSSL's command say, byte for byte.
@Suite struct PublishedVectorTests {
  private func example(_ name: String) throws -> String { try file("accept-\(name)") }

  private func file(_ name: String) throws -> String {
    let file = try #require(corpus("jwt").first { $0.name == "\(name).jwt" })
    return String(decoding: file.bytes, as: UTF8.self)
  }

  @Test func rfc7515A2RSA() throws {
    #expect(try verify(example("rs256"), verificationKey(Examples.rsa)) == Examples.payload)
  }

  @Test func rfc7515A3ECDSA() throws {
    #expect(try verify(example("es256"), verificationKey(Examples.ec)) == Examples.payload)
  }

  @Test func rfc7520RSA() throws {
    let key = try verificationKey(Examples.cookbook)
    #expect(key.kid == "bilbo.baggins@hobbiton.example")
    #expect(try verify(Examples.cookbookToken, key) == Examples.cookbookPayload)
  }

  /// RFC 7515 A.4 and RFC 7520 §4.2 and §4.3 are good signatures; ES512 and PS384 are not taken here, whatever the key.
  @Test(arguments: ["es512", "rfc7520-es512", "rfc7520-ps384"]) func signaturesThatAreNotTaken(_ name: String) throws {
    let token = try file("reject-\(name)")
    for key in [Examples.cookbook, Examples.rsa, Examples.pss, Examples.ec, Examples.ec384] {
      #expect(try refusal(token, verificationKey(key)) == .unsupportedAlgorithm)
    }
  }

  @Test func rfc8037A4Ed25519() throws {
    #expect(try verify(example("eddsa"), verificationKey(Examples.ed25519)) == "Example of Ed25519 signing")
  }

  @Test func pssAndP384OfOpenSSLsCommand() throws {
    #expect(try verify(example("ps256"), verificationKey(Examples.pss)) == #"{"iss":"joe"}"#)
    #expect(try verify(example("es384"), verificationKey(Examples.ec384)) == #"{"iss":"joe"}"#)
  }

  @Test func rfc7638Thumbprint() throws {
    let key = try verificationKey(
      #"{"kty":"RSA","n":"\#(Examples.thumbprintModulus)","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#)
    #expect(key.thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    #expect(key.kid == "2011-04-29")
  }

  @Test func rfc8037A3Thumbprint() throws {
    #expect(try verificationKey(Examples.ed25519).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
  }

  // FIPS 180-4's examples.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ]) func sha256(_ text: String, _ hex: String) {
    #expect(SHA256.digest(Array(text.utf8)).hex == hex)
    let stream = SHA256Stream()
    for byte in text.utf8 { stream.update([byte].span) }
    #expect(stream.finish().hex == hex)
  }

  @Test func sha256OfAMillionLetters() {
    let stream = SHA256Stream()
    let piece = [UInt8](repeating: 0x61, count: 1000)
    for _ in 0..<1000 { stream.update(piece.span) }
    #expect(stream.finish().hex == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    #expect(stream.finish() == SHA256.digest([]), "it begins anew")
  }

  // RFC 4231 §4. Cases 2 and 5 have a key shorter than any here, or a cut code.
  static let hmac: [(key: [UInt8], message: [UInt8], code: String)] = [
    (
      Array(repeating: 0x0B, count: 20), Array("Hi There".utf8),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array(repeating: 0xAA, count: 20), Array(repeating: 0xDD, count: 50),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
    ),
    (Array(1...25), Array(repeating: 0xCD, count: 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (
      Array(repeating: 0xAA, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    (
      Array(repeating: 0xAA, count: 131),
      Array(
        ("This is a test using a larger than block-size key and a larger than block-size data. "
          + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    ),
  ]

  @Test(arguments: 0..<5) func rfc4231HMAC(_ number: Int) {
    let (key, message, code) = Self.hmac[number]
    #expect(HMACKey(key).authenticate(message).hex == code)
  }

  // The GCM specification's test cases 13 to 16 (AES-256); sealing draws its own nonce, so they are opened.
  static let gcm: [(key: String, nonce: String, plaintext: String, context: String, ciphertext: String, tag: String)] = [
    (String(repeating: "0", count: 64), String(repeating: "0", count: 24), "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    (
      String(repeating: "0", count: 64), String(repeating: "0", count: 24), String(repeating: "0", count: 32), "",
      "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"
    ),
    (
      "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
      "",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
      "b094dac5d93471bdec1a502270e3cc6c"
    ),
    (
      "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
      "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
      "76fc6ece0f4e1768cddf8853bb2d551b"
    ),
  ]

  @Test(arguments: 0..<4) func aes256GCM(_ number: Int) throws {
    let vector = Self.gcm[number]
    func bytes(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex)) }
    let key = SealingKey(try bytes(vector.key))
    let sealed = try bytes(vector.nonce + vector.ciphertext + vector.tag)
    #expect(key.open(sealed, context: try bytes(vector.context)) == (try bytes(vector.plaintext)))
  }
}

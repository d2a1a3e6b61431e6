import Bytes
import Foundation
import Testing

@testable import JOSE

/// Attacks A1 to A6 on what reads tokens. Each forged token would be taken by a reader that once existed.
@Suite struct TokenAttackTests {
  private let key: SigningKey
  private var verification: VerificationKey { key.verificationKey }

  init() throws { key = try SigningKey.generate(.es256) }

  @Test func theHonestTokenIsTaken() throws {
    #expect(try verify(signed(#"{"alg":"ES256"}"#, by: key), verification) == #"{"iss":"joe"}"#)
  }

  // MARK: A1, no signature at all

  @Test(arguments: ["none", "None", "NONE", "nOnE", "none ", " none", "", "null", "n\\u006fne"])
  func a1NoneIsNoAlgorithmInAnySpelling(_ name: String) throws {
    let header = "{\"alg\":\"\(name)\"}"
    for signature in [[], [0], try key.sign("anything")] as [[UInt8]] {
      #expect(refusal(token(header, signature: signature), verification) != nil)
    }
    // A good signature does not help either.
    #expect(refusal(try signed(header, by: key), verification) == .unsupportedAlgorithm)
  }

  @Test func a1AnEmptyOrMissingSignatureIsRefused() throws {
    let honest = try signed(#"{"alg":"ES256"}"#, by: key)
    let parts = honest.split(separator: ".")
    #expect(refusal("\(parts[0]).\(parts[1]).", verification) != nil)
    #expect(refusal("\(parts[0]).\(parts[1])", verification) != nil)
    #expect(refusal("\(parts[0])..\(parts[2])", verification) == .badSignature)
  }

  @Test(arguments: [
    #"{}"#, #"{"alg":null}"#, #"{"alg":1}"#, #"{"alg":["ES256"]}"#, #"{"alg":{"ES256":1}}"#, #"{"alg":true}"#,
    #"{"Alg":"ES256"}"#,
  ])
  func a1AHeaderWithoutAnAlgorithmIsRefused(_ header: String) throws {
    #expect(refusal(try signed(header, by: key), verification) == .unsupportedAlgorithm)
  }

  // MARK: A2, another algorithm than the key's

  /// The bytes of a public key in every form that somebody might have used as a secret.
  private func publicForms() throws -> [[UInt8]] {
    var writer = JSONWriter()
    verification.appendJWK(to: &writer)
    let jwk = try JSONDocument(writer.bytes).root
    let (x, y) = (jwk["x"]!.string!, jwk["y"]!.string!)
    let point = [4] + Base64URL.decode(x)! + Base64URL.decode(y)!
    // SubjectPublicKeyInfo of a key on P-256 (RFC 5480).
    let der = Hex.decode("3059301306072a8648ce3d020106082a8648ce3d030107034200")! + point
    let base64 = Data(der).base64EncodedString()
    let lines = stride(from: 0, to: base64.count, by: 64).map { String(base64.dropFirst($0).prefix(64)) }.joined(separator: "\n")
    let pem = "-----BEGIN PUBLIC KEY-----\n\(lines)\n-----END PUBLIC KEY-----"
    return [
      writer.bytes, point, der, Array(pem.utf8), Array((pem + "\n").utf8), Array(x.utf8), Array(verification.thumbprint.utf8),
    ]
  }

  @Test(arguments: ["HS256", "HS384", "HS512", "hs256"]) func a2ThePublicKeyIsNoSecret(_ name: String) throws {
    for secret in try publicForms() {
      let input = base64URL("{\"alg\":\"\(name)\"}") + "." + base64URL(#"{"iss":"joe"}"#)
      let code = HMACKey(secret).authenticate(Array(input.utf8)).bytes
      #expect(refusal(input + "." + Base64URL.encode(code), verification) == .unsupportedAlgorithm)
    }
  }

  @Test func a2TheAlgorithmIsTheKeysNotTheHeaders() throws {
    let keys = try SignatureAlgorithm.allCases.map { try SigningKey.generate($0) }
    for signer in keys {
      for named in SignatureAlgorithm.allCases {
        let text = try signed("{\"alg\":\"\(named.rawValue)\"}", by: signer)
        for reader in keys {
          let isHonest = signer === reader && named == signer.algorithm
          #expect(
            (refusal(text, reader.verificationKey) == nil) == isHonest, "\(signer.algorithm) as \(named) for \(reader.algorithm)")
        }
      }
    }
  }

  @Test(arguments: [
    "es256", "ES256 ", "ES256K", "ES512", "RS384", "RS512", "PS384", "PS512", "RS1", "Ed25519", "EDDSA", "dir", "A256GCM",
    "RSA-OAEP", "ES256\\u0000",
  ])
  func a2OtherNamesAreNoAlgorithm(_ name: String) throws {
    #expect(refusal(try signed("{\"alg\":\"\(name)\"}", by: key), verification) == .unsupportedAlgorithm)
  }

  // MARK: A3, signatures that are none

  @Test(arguments: SignatureAlgorithm.allCases) func a3ZerosAreNoSignature(_ algorithm: SignatureAlgorithm) throws {
    let reader = try SigningKey.generate(algorithm).verificationKey
    for count in [0, 1, 32, 63, 64, 65, 96, 128, 256, 512] {
      for byte: UInt8 in [0, 0xFF] { #expect(!reader.verifies(Array(repeating: byte, count: count), "a")) }
    }
  }

  @Test func a3NumbersOutsideOfTheGroupAreRefused() throws {
    let order = Hex.decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")!
    let (zero, one) = ([UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 31) + [1])
    let good = try key.sign("a")
    let (r, s) = (Array(good[..<32]), Array(good[32...]))
    let pairs = [
      (zero, zero), (zero, s), (r, zero), (order, s), (r, order), (order, order), (one, zero), (zero, one), (one, one), (s, r),
      ([UInt8](repeating: 0xFF, count: 32), s), (r, [UInt8](repeating: 0xFF, count: 32)),
    ]
    for (r, s) in pairs { #expect(!verification.verifies(r + s, "a")) }
    #expect(verification.verifies(r + s, "a"))
  }

  @Test(arguments: [SignatureAlgorithm.es256, .es384]) func a3OnlyTheExactFormIsTaken(_ algorithm: SignatureAlgorithm) throws {
    let signer = try SigningKey.generate(algorithm)
    let good = try signer.sign("a")
    #expect(signer.verificationKey.verifies(good, "a"))
    let der = try #require(ECDSASignature.der(fromRaw: good))
    let half = good.count / 2
    let forms = [
      der, der + [0], Array(good.dropLast()), good + [0], [0] + good, [0] + Array(good[..<half]) + [0] + Array(good[half...]),
      good + good,
      Array(good[..<half]), Array(good.reversed()),
    ]
    for form in forms { #expect(!signer.verificationKey.verifies(form, "a"), "\(form.count) bytes") }
  }

  @Test func a3AShortNumberKeepsItsLeadingZeros() throws {
    // One signature in 128 has a number that begins with a zero byte; its length must not change.
    var shortest = 64
    for round in 0..<400 {
      let signature = try key.sign("\(round)")
      #expect(signature.count == 64)
      guard signature[0] == 0 || signature[32] == 0 else { continue }
      #expect(verification.verifies(signature, "\(round)"))
      shortest = min(shortest, try #require(ECDSASignature.der(fromRaw: signature)).count)
    }
  }

  @Test func a3EveryChangedBitBreaksTheSignature() throws {
    for algorithm in SignatureAlgorithm.allCases {
      let signer = try SigningKey.generate(algorithm)
      let good = try signer.sign("a")
      for place in good.indices {
        var changed = good
        changed[place] ^= 1 << UInt8(place % 8)
        #expect(!signer.verificationKey.verifies(changed, "a"), "\(algorithm), byte \(place)")
      }
    }
  }

  @Test func a3AKeyOfAnotherCurveIsNoKey() throws {
    #expect(throws: JOSEError.self) { try SigningKey(pemPrivateKey: Array(ExamplePEM.secp256k1.utf8)) }
    let other = try SigningKey.generate(.es384)
    #expect(!verification.verifies(try other.sign("a"), "a"))
    #expect(!verification.verifies(Array(try other.sign("a").prefix(64)), "a"))
  }

  // MARK: A4, tokens that bring their key or their rules

  @Test func a4AKeyInTheHeaderIsNotListenedTo() throws {
    let attacker = try SigningKey.generate(.es256)
    var writer = JSONWriter()
    attacker.verificationKey.appendJWK(to: &writer)
    let jwk = String(decoding: writer.bytes, as: UTF8.self)
    let headers = [
      #"{"alg":"ES256","jwk":\#(jwk)}"#, #"{"alg":"ES256","jku":"https://attacker.example/jwks"}"#,
      #"{"alg":"ES256","x5u":"https://attacker.example/chain.pem"}"#, #"{"alg":"ES256","x5c":["MIIB"]}"#,
      #"{"alg":"ES256","x5t":"AA","x5t#S256":"AA"}"#,
      #"{"alg":"ES256","jwk":1,"jku":[],"x5u":{},"x5c":null}"#,
    ]
    for header in headers {
      #expect(refusal(try signed(header, by: attacker), verification) == .badSignature, "\(header)")
      // The honest signer may write them: they are ignored, not refused.
      #expect(refusal(try signed(header, by: key), verification) == nil, "\(header)")
    }
  }

  @Test(arguments: [#"["exp"]"#, "[]", #"["b64"]"#, #"["alg"]"#, "null", "true", #""exp""#, "{}"])
  func a4AnyCriticalExtensionIsRefused(_ value: String) throws {
    #expect(refusal(try signed(#"{"alg":"ES256","crit":\#(value),"exp":1}"#, by: key), verification) == .unsupportedCritical)
  }

  @Test(arguments: ["false", "true", "null", #""false""#]) func a4UnencodedPayloadsAreRefused(_ value: String) throws {
    #expect(refusal(try signed(#"{"alg":"ES256","b64":\#(value)}"#, by: key), verification) == .unsupportedCritical)
    #expect(
      refusal(try signed(#"{"alg":"ES256","b64":\#(value),"crit":["b64"]}"#, by: key), verification) == .unsupportedCritical)
    #expect(refusal(try signed(#"{"alg":"ES256","b\u0036\u0034":\#(value)}"#, by: key), verification) == .unsupportedCritical)
  }

  // MARK: A5, names of keys

  @Test func a5ANameIsOnlyCompared() throws {
    let set = JWKSet(keys: [verification])
    for name in [
      "../../dev/null", "' OR 1=1 --", "/etc/passwd", "http://127.0.0.1/", "", "*", "%00", key.kid + " ",
      key.kid.uppercased() + "x",
    ] {
      var header = JSONWriter()
      header.beginObject()
      header.field("alg", "ES256")
      header.field("kid", name)
      header.endObject()
      let text = try signed(String(decoding: header.bytes, as: UTF8.self), by: key)
      #expect(throws: JOSEError.unknownKey) { try verify(text) { set.key(kid: $0.kid, algorithm: $0.algorithm) } }
    }
    let honest = try signed(#"{"alg":"ES256","kid":"\#(key.kid)"}"#, by: key)
    #expect(throws: Never.self) { try verify(honest) { set.key(kid: $0.kid, algorithm: $0.algorithm) } }
  }

  @Test(arguments: [
    "1", "null", "true", "[]", "{}", #"["a"]"#, #""a\u0000""#, #""\u0000""#, #""a\nb""#, #""a\u007f""#, #""a\u001b[2J""#,
  ])
  func a5ANameThatIsNoPlainTextIsRefused(_ value: String) throws {
    #expect(refusal(try signed(#"{"alg":"ES256","kid":\#(value)}"#, by: key), verification) == .malformed("header: kid"))
    #expect(refusal(try signed(#"{"alg":"ES256","typ":\#(value)}"#, by: key), verification) == .malformed("header: typ"))
  }

  @Test func a5ANameHasABoundedLength() throws {
    func header(_ count: Int) -> String { #"{"alg":"ES256","kid":"\#(String(repeating: "k", count: count))"}"# }
    #expect(refusal(try signed(header(255), by: key), verification) == nil)
    #expect(refusal(try signed(header(256), by: key), verification) == nil)
    #expect(refusal(try signed(header(257), by: key), verification) == .malformed("header: kid"))
    #expect(refusal(try signed(header(65_536), by: key), verification) == .malformed("token: too long"))
  }

  @Test(arguments: [
    #"{"alg":"ES256","kid":"a","kid":"b"}"#, #"{"alg":"ES256","kid":"a","k\u0069d":"b"}"#, #"{"alg":"ES256","alg":"none"}"#,
    #"{"alg":"none","alg":"ES256"}"#, #"{"alg":"ES256","\u0061lg":"none"}"#,
  ]) func a5AMemberThatStandsTwiceIsRefused(_ header: String) throws {
    #expect(refusal(try signed(header, by: key), verification) == .malformed("header: not JSON"))
  }

  // MARK: A6, tokens that cost

  @Test func a6TokensHaveABoundedLength() throws {
    func text(_ count: Int) throws -> String { try signed(#"{"alg":"ES256"}"#, String(repeating: "x", count: count), by: key) }
    let fitting = try (5900..<6100).map { try ($0, text($0).utf8.count) }.last { $0.1 <= 8192 }!.0
    #expect(refusal(try text(fitting), verification) == nil)
    #expect(refusal(try text(fitting + 2), verification) == .malformed("token: too long"))
    let long = Array(try text(9000).utf8)
    #expect(throws: Never.self) { _ = try CompactJWS(parsing: long.span, bytesMaximum: long.count) }
    #expect(throws: JOSEError.self) { _ = try CompactJWS(parsing: long.span, bytesMaximum: long.count - 1) }
  }

  @Test func a6AMillionDotsAreRefusedAtOnce() {
    let dots = String(repeating: ".", count: 1_000_000)
    #expect(refusal(dots, verification) == .malformed("token: too long"), "before anything is looked at")
    for count in 0...8192 where count < 10 || count % 1000 == 0 || count == 8192 {
      #expect(refusal(String(repeating: ".", count: count), verification) != nil)
    }
  }

  @Test func a6ADeepOrWideHeaderIsRefused() throws {
    let deep = #"{"alg":"ES256","x":\#(String(repeating: "[", count: 2000))\#(String(repeating: "]", count: 2000))}"#
    let wide = #"{"alg":"ES256","x":[\#(String(repeating: "1,", count: 2000))1]}"#
    for header in [deep, wide, String(repeating: "[", count: 5000), String(repeating: #"{"a":"#, count: 1000)] {
      #expect(refusal(try signed(header, by: key), verification) == .malformed("header: not JSON"))
    }
  }

  @Test func a6EncryptedTokensAreNotRead() {
    let header = base64URL(#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AA","zip":"DEF"}"#)
    #expect(refusal("\(header).AA.AA.AA.AA", verification) == .malformed("token: not three parts"))
    #expect(refusal("\(header).AA.AA", verification) == .unsupportedAlgorithm)
  }

  // MARK: The form

  @Test func aTokenHasOneSpelling() throws {
    let honest = try signed(#"{"alg":"ES256"}"#, by: key)
    let parts = honest.split(separator: ".").map(String.init)
    let others = [
      honest + "=", honest + "==", honest + "\n", honest + " ", " " + honest, honest + "\u{0}", honest + ".", "." + honest,
      honest + ".AA", "Bearer " + honest,
      parts[0] + "=." + parts[1] + "." + parts[2], parts[0] + "." + parts[1] + "==." + parts[2],
      parts[0] + "\n." + parts[1] + "." + parts[2],
      honest.replacingOccurrences(of: ".", with: ".."), honest + "é", parts[2] + "." + parts[1] + "." + parts[0], "", "a", "a.b",
      "a.b.c", "..", "...",
    ]
    for text in others { #expect(refusal(text, verification) != nil, "\(text)") }
  }

  @Test(arguments: [
    "", "null", "[]", "1", #""ES256""#, #"{"alg":"ES256""#, #"{"alg":"ES256"}x"#, "\u{FEFF}{\"alg\":\"ES256\"}",
    "{'alg':'ES256'}", #"{"alg":"ES256",}"#,
  ])
  func aHeaderIsOneStrictObject(_ header: String) throws {
    #expect(refusal(try signed(header, by: key), verification) != nil)
  }

  @Test func theErrorHoldsNothingOfTheToken() throws {
    let secret = "tel:+33612345678"
    for text in [
      token(#"{"alg":"\#(secret)"}"#, secret, signature: [1]),
      token(#"{"alg":"ES256","kid":"\#(secret)\u0000"}"#, secret, signature: [1]),
    ] {
      #expect("\(String(describing: refusal(text, verification)))".contains("33612") == false)
    }
  }
}

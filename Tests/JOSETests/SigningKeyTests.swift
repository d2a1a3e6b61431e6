import Bytes
import Testing

@testable import JOSE

@Suite struct SigningKeyTests {
  @Test(arguments: SignatureAlgorithm.allCases) func aFreshKeySignsWhatItsPublicPartVerifies(_ algorithm: SignatureAlgorithm)
    throws
  {
    let key = try SigningKey.generate(algorithm)
    #expect(key.algorithm == algorithm)
    #expect(key.verificationKey.algorithm == algorithm)
    for text in ["", "a", String(repeating: "long ", count: 1000)] {
      let signature = try key.sign(text)
      #expect(key.verificationKey.verifies(signature, text))
      #expect(!key.verificationKey.verifies(signature, text + " "))
      if let count = algorithm.coordinateCount { #expect(signature.count == 2 * count) }
    }
    let other = try SigningKey.generate(algorithm)
    #expect(!other.verificationKey.verifies(try key.sign("a"), "a"))
    #expect(other.kid != key.kid)
  }

  @Test(arguments: SignatureAlgorithm.allCases) func theNameOfAKeyIsItsThumbprint(_ algorithm: SignatureAlgorithm) throws {
    let key = try SigningKey.generate(algorithm)
    #expect(key.kid == key.verificationKey.thumbprint)
    #expect(key.verificationKey.kid == key.kid)
    #expect(Base64URL.decode(key.kid)?.count == 32)
  }

  @Test(arguments: SignatureAlgorithm.allCases) func aKeyComesBackFromItsPEM(_ algorithm: SignatureAlgorithm) throws {
    let key = try SigningKey.generate(algorithm)
    let pem = try key.pem()
    #expect(String(decoding: pem, as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
    let again = try SigningKey(pemPrivateKey: pem)
    // A file does not say which of RSA's algorithms is meant.
    #expect(again.algorithm == (algorithm == .ps256 ? .rs256 : algorithm))
    #expect(again.kid == key.kid)
    #expect(again.verificationKey.verifies(try again.sign("a"), "a"))
    if algorithm != .ps256 { #expect(key.verificationKey.verifies(try again.sign("a"), "a")) }
  }

  @Test(arguments: SignatureAlgorithm.allCases) func aPublicKeyComesBackFromItsJWK(_ algorithm: SignatureAlgorithm) throws {
    let key = try SigningKey.generate(algorithm)
    var writer = JSONWriter()
    key.verificationKey.appendJWK(to: &writer)
    let again = try VerificationKey(jwk: JSONDocument(writer.bytes).root)
    #expect(again.kid == key.kid && again.algorithm == algorithm && again.thumbprint == key.kid)
    #expect(again.verifies(try key.sign("a"), "a"))
    let written = try JSONDocument(writer.bytes).root
    #expect(written.keys.allSatisfy { !["d", "p", "q", "dp", "dq", "qi", "k"].contains($0.name) }, "no private part")
  }

  @Test func anOlderFormOfPEMIsRead() throws {
    let key = try SigningKey(pemPrivateKey: Array(ExamplePEM.sec1.utf8))
    #expect(key.algorithm == .es256)
    #expect(key.verificationKey.verifies(try key.sign("a"), "a"))
  }

  static let refused: [(String, String)] = [
    ("sealed with a passphrase", ExamplePEM.encrypted), ("on secp256k1", ExamplePEM.secp256k1),
    ("on brainpoolP256r1", ExamplePEM.brainpool),
    ("on P-521", ExamplePEM.p521), ("RSA with 1024 bits", ExamplePEM.rsa1024), ("for key agreement", ExamplePEM.x25519),
    ("Ed448", ExamplePEM.ed448), ("empty", ""), ("no PEM", "hello"),
    ("cut off", String(ExamplePEM.sec1.prefix(80))),
    (
      "a public key",
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
    ),
  ]

  @Test(arguments: refused) func anyOtherKeyIsRefused(_ name: String, _ pem: String) {
    #expect(throws: JOSEError.self) { try SigningKey(pemPrivateKey: Array(pem.utf8)) }
  }

  @Test func aKeyNeverPrintsItsSecret() throws {
    let key = try SigningKey.generate(.es256)
    var dumped = ""
    dump(key, to: &dumped)
    for text in ["\(key)", String(describing: key)] { #expect(text == "signing key \(key.kid)") }
    #expect(!dumped.contains("PRIVATE"))
  }

  @Test func oneKeyServesManyThreads() async throws {
    let key = try SigningKey.generate(.es256)
    await withTaskGroup(of: Bool.self) { group in
      for task in 0..<16 {
        group.addTask {
          (0..<20).allSatisfy { round in
            guard let signature = try? key.sign("\(task) \(round)") else { return false }
            return key.verificationKey.verifies(signature, "\(task) \(round)")
          }
        }
      }
      for await isGood in group { #expect(isGood) }
    }
  }

  @Test func aBuiltTokenIsVerified() throws {
    let key = try SigningKey.generate(.es256)
    let text = try JWTBuilder.sign(payload: Array(#"{"iss":"joe"}"#.utf8), typ: "at+jwt", key: key)
    let parsed = try CompactJWS(parsing: Array(text.utf8).span)
    #expect(parsed.header == JWTHeader(algorithm: .es256, typ: "at+jwt", kid: key.kid))
    #expect(try verify(text, key.verificationKey) == #"{"iss":"joe"}"#)
  }
}

/// Tokens for receivers that know the signer's key by another name than its thumbprint.
@Suite struct KeyNameTests {
  private let key = try! SigningKey.generate(.es256)

  private func header(_ name: JWTBuilder.KeyName) throws -> JSONValue {
    let token = try JWTBuilder.sign(payload: Array("{}".utf8), typ: "JWT", key: key, named: name)
    return try JSONDocument(Base64URL.decode(String(token.split(separator: ".")[0]))!).root
  }

  @Test func theHeaderNamesTheKeyAsTold() throws {
    #expect(try header(.kid("mine"))["kid"]?.string == "mine")
    #expect(try header(.none)["kid"] == nil)
    let jwk = try #require(try header(.publicKey)["jwk"])
    #expect(jwk.keys.map(\.name) == ["crv", "kty", "x", "y"])
    #expect(try VerificationKey(jwk: jwk).thumbprint == key.kid)
  }

  @Test func anRSAKeySignsWithTheAlgorithmThatIsMeant() throws {
    let pem = try SigningKey.generate(.rs256).pem()
    #expect(try SigningKey(pemPrivateKey: pem).algorithm == .rs256)
    #expect(try SigningKey(pemPrivateKey: pem, algorithm: .ps256).algorithm == .ps256)
    #expect(throws: JOSEError.unsupportedAlgorithm) { try SigningKey(pemPrivateKey: pem, algorithm: .es256) }
  }
}

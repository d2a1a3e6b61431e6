import Bytes
import Testing

@testable import JOSE

/// Which JWKs are taken (RFC 7517, RFC 7518 §6).
@Suite struct VerificationKeyTests {
  private static let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
  private static let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

  static let taken: [(String, SignatureAlgorithm)] = [
    (Examples.ec, .es256), (Examples.ec384, .es384), (Examples.rsa, .rs256), (Examples.pss, .ps256), (Examples.ed25519, .edDSA),
    (#"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","alg":"ES256","use":"sig","kid":"a","key_ops":["verify"]}"#, .es256),
    // What is not known is not listened to: a key does not bring its own chain (A4).
    (#"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","x5u":"http://127.0.0.1/","x5c":["AA"],"x5t":1,"ext":true}"#, .es256),
  ]

  @Test(arguments: taken) func aPublicKeyForSignaturesIsTaken(_ jwk: String, _ algorithm: SignatureAlgorithm) throws {
    #expect(try verificationKey(jwk).algorithm == algorithm)
  }

  static let refused: [(String, String)] = [
    ("no object", "[]"), ("empty", "{}"), ("kty of another type", #"{"kty":1}"#), ("unknown kty", #"{"kty":"XX"}"#),
    ("symmetric", #"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}"#),
    (
      "with a private part",
      #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#
    ),
    ("without y", #"{"kty":"EC","crv":"P-256","x":"\#(x)"}"#), ("without x", #"{"kty":"EC","crv":"P-256","y":"\#(y)"}"#),
    ("without a curve", #"{"kty":"EC","x":"\#(x)","y":"\#(y)"}"#),
    ("another curve", #"{"kty":"EC","crv":"secp256k1","x":"\#(x)","y":"\#(y)"}"#),
    ("P-521", #"{"kty":"EC","crv":"P-521","x":"\#(x)","y":"\#(y)"}"#),
    ("a P-256 point called P-384", #"{"kty":"EC","crv":"P-384","x":"\#(x)","y":"\#(y)"}"#),
    ("a point off its curve", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(x)"}"#),
    (
      "the point at zero",
      #"{"kty":"EC","crv":"P-256","x":"\#(String(repeating: "A", count: 43))","y":"\#(String(repeating: "A", count: 43))"}"#
    ),
    (
      "a coordinate with a zero before it",
      #"{"kty":"EC","crv":"P-256","x":"AH_NzidQ9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF","y":"\#(y)"}"#
    ),
    ("a coordinate too short", #"{"kty":"EC","crv":"P-256","x":"f83O","y":"\#(y)"}"#),
    ("a coordinate with padding", #"{"kty":"EC","crv":"P-256","x":"\#(x)=","y":"\#(y)"}"#),
    ("a coordinate as a number", #"{"kty":"EC","crv":"P-256","x":1,"y":"\#(y)"}"#),
    ("EC for RSA's algorithm", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","alg":"RS256"}"#),
    ("P-256 for ES384", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","alg":"ES384"}"#),
    ("for HS256", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","alg":"HS256"}"#),
    ("for none", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","alg":"none"}"#),
    ("for encryption", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","use":"enc"}"#),
    ("for signing only", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","key_ops":["sign"]}"#),
    ("kid of another type", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","kid":1}"#),
    ("kid of 64 KB", #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)","kid":"\#(String(repeating: "k", count: 65_536))"}"#),
    ("RSA without n", #"{"kty":"RSA","e":"AQAB"}"#), ("RSA without e", #"{"kty":"RSA","n":"\#(Examples.rsaModulus)"}"#),
    ("RSA with e = 1", #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"AQ"}"#),
    ("RSA with e = 1 after a zero", #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"AAE"}"#),
    ("RSA with e = 0", #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"AA"}"#),
    ("RSA with an even e", #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"AQAA"}"#),
    ("RSA with a huge e", #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"\#(String(repeating: "_", count: 16))"}"#),
    ("RSA with 1024 bits", #"{"kty":"RSA","n":"\#(String(repeating: "_", count: 170) + "w")","e":"AQAB"}"#),
    ("RSA with 16384 bits", #"{"kty":"RSA","n":"\#(String(repeating: "_", count: 2730) + "w")","e":"AQAB"}"#),
    (
      "RSA with a zero before n",
      #"{"kty":"RSA","n":"\#(Base64URL.encode([0] + Base64URL.decode(Examples.rsaModulus)!))","e":"AQAB"}"#
    ),
    ("RSA for ES256", #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"AQAB","alg":"ES256"}"#),
    ("RSA for encryption", #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"AQAB","alg":"RSA-OAEP"}"#),
    ("RSA for SHA-1", #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"AQAB","alg":"RS1"}"#),
    ("X25519", #"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#),
    ("Ed448", #"{"kty":"OKP","crv":"Ed448","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#),
    ("Ed25519 too short", #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"}"#),
    ("Ed25519 for ES256", #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"ES256"}"#),
  ]

  @Test(arguments: refused.map(\.0)) func anyOtherKeyIsRefused(_ name: String) throws {
    let jwk = Self.refused.first { $0.0 == name }!.1
    #expect(throws: JOSEError.self) { try verificationKey(jwk) }
  }

  @Test func aSecretThatWasSentByMistakeIsNotRepeated() throws {
    let secret = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
    do {
      _ = try verificationKey(#"{"kty":"EC","crv":"P-256","x":"\#(Self.x)","y":"\#(Self.y)","d":"\#(secret)"}"#)
      Issue.record("it was taken")
    } catch { #expect(!"\(error)".contains(secret)) }
  }

  @Test func theThumbprintDoesNotDependOnWhatIsSaidAboutTheKey() throws {
    let named = try verificationKey(
      #"{"use":"sig","y":"\#(Self.y)","kid":"a","x":"\#(Self.x)","crv":"P-256","alg":"ES256","kty":"EC"}"#)
    #expect(try named.thumbprint == verificationKey(Examples.ec).thumbprint)
  }

  @Test func keysThatWereRefusedLeaveNothingBehind() throws {
    // An error that stayed in OpenSSL's queue would be blamed on the next connection.
    for (_, jwk) in Self.refused { _ = try? verificationKey(jwk) }
    #expect(pendingOpenSSLError() == 0)
    for (_, pem) in SigningKeyTests.refused { _ = try? SigningKey(pemPrivateKey: Array(pem.utf8)) }
    #expect(pendingOpenSSLError() == 0)
    let key = try verificationKey(Examples.ec)
    for count in [0, 1, 63, 64, 65, 72] { #expect(!key.verifies(Array(repeating: 1, count: count), "a")) }
    for jwk in [Examples.rsa, Examples.pss, Examples.ed25519] {
      for count in [0, 1, 64, 256] { #expect(try !verificationKey(jwk).verifies(Array(repeating: 1, count: count), "a")) }
    }
    #expect(pendingOpenSSLError() == 0)
  }
}

@Suite struct JWKSetTests {
  private func set(_ keys: [String]) throws -> JWKSet {
    try JWKSet(json: json("{\"keys\":[" + keys.joined(separator: ",") + "]}"))
  }

  private func named(_ jwk: String, _ kid: String) -> String { String(jwk.dropLast()) + ",\"kid\":\"\(kid)\"}" }

  @Test func aKeyIsFoundByItsNameAndAlgorithm() throws {
    let set = try set([named(Examples.ec, "a"), named(Examples.rsa, "b"), named(Examples.ed25519, "c")])
    #expect(set.keys.count == 3)
    #expect(set.key(kid: "a", algorithm: .es256)?.kid == "a")
    #expect(set.key(kid: "a", algorithm: .rs256) == nil)
    #expect(set.key(kid: "d", algorithm: .es256) == nil)
    #expect(set.key(kid: "", algorithm: .es256) == nil)
    #expect(set.key(kid: "A", algorithm: .es256) == nil)
  }

  @Test func withoutANameThereMustBeNoChoice() throws {
    #expect(try set([Examples.ec, Examples.rsa]).key(kid: nil, algorithm: .es256) != nil)
    #expect(try set([Examples.ec, Examples.rsa]).key(kid: nil, algorithm: .edDSA) == nil)
    let other = try SigningKey.generate(.es256).verificationKey
    #expect(JWKSet(keys: [try verificationKey(Examples.ec), other]).key(kid: nil, algorithm: .es256) == nil)
  }

  @Test func aNameThatStandsTwiceMakesTheSetUnusable() {
    #expect(throws: JOSEError.self) { try set([named(Examples.ec, "a"), named(Examples.rsa, "a")]) }
    #expect(throws: JOSEError.self) { try set([named(Examples.ec, "a"), named(Examples.ec, "\\u0061")]) }
  }

  @Test func keysOfOtherKindsAreLeftOut() throws {
    let others = [
      #"{"kty":"oct"}"#, #"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#, #"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
      #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"AQAB","use":"enc"}"#,
      #"{"kty":"RSA","n":"\#(Examples.rsaModulus)","e":"AQAB","alg":"RS512"}"#,
    ]
    #expect(try set(others + [Examples.ec]).keys.count == 1)
  }

  @Test(arguments: [
    "[]", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"keys":[1]}"#, #"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#,
  ])
  func aBrokenSetIsRefused(_ text: String) { #expect(throws: JOSEError.self) { try JWKSet(json: json(text)) } }

  @Test func sixtyFourKeysAreTheMost() throws {
    let keys = (0..<65).map { named(Examples.ec, "k\($0)") }
    #expect(try set(Array(keys.prefix(64))).keys.count == 64)
    #expect(throws: JOSEError.self) { try set(keys) }
  }

  @Test func aSetComesBackAsItWas() throws {
    let keys = try SignatureAlgorithm.allCases.map { try SigningKey.generate($0) }
    let again = try JWKSet(json: JSONDocument(JWKSet(keys: keys.map(\.verificationKey)).json()).root)
    #expect(again.keys.map(\.kid) == keys.map(\.kid))
    #expect(again.keys.map(\.algorithm) == SignatureAlgorithm.allCases)
  }
}

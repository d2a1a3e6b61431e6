import Bytes
import Testing

@testable import JOSE

/// Digests, keyed digests, sealing and randomness, beyond the published vectors.
@Suite struct SecretsTests {
  @Test func aDigestIsThirtyTwoBytesInEveryForm() throws {
    let digest = SHA256.digest(Array("abc".utf8))
    #expect(digest.bytes.count == 32)
    #expect(Digest32(bytes: digest.bytes) == digest)
    #expect(Hex.decode(digest.hex) == digest.bytes)
    #expect(Base64URL.decode(digest.base64url) == digest.bytes)
    #expect("\(digest)" == digest.hex)
    var text: [UInt8] = []
    digest.appendHex(to: &text)
    #expect(text == Array(digest.hex.utf8))
    #expect(Digest32(bytes: Array(digest.bytes.dropLast())) == nil)
    #expect(Digest32(bytes: digest.bytes + [0]) == nil)
    for place in 0..<32 {
      var other = digest.bytes
      other[place] ^= 1
      #expect(Digest32(bytes: other) != digest)
    }
  }

  @Test func digestsAreTheSameOnEveryThread() async {
    let expected = SHA256.digest(Array("abc".utf8))
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<64 { group.addTask { (0..<200).allSatisfy { _ in SHA256.digest(Array("abc".utf8)) == expected } } }
      for await isSame in group { #expect(isSame) }
    }
  }

  @Test func aCodeIsAuthenticOnlyForItsMessageAndKey() {
    let key = HMACKey(Array(repeating: 1, count: 32))
    let code = key.authenticate(Array("message".utf8)).bytes
    #expect(key.isAuthentic(Array("message".utf8), code))
    #expect(!key.isAuthentic(Array("Message".utf8), code))
    #expect(!HMACKey(Array(repeating: 2, count: 32)).isAuthentic(Array("message".utf8), code))
    #expect(!key.isAuthentic(Array("message".utf8), Array(code.dropLast())))
    #expect(!key.isAuthentic(Array("message".utf8), []))
    #expect(key.isAuthentic([], key.authenticate([UInt8]()).bytes))
  }

  @Test func constantTimeComparisonComparesEveryByte() {
    func equals(_ left: [UInt8], _ right: [UInt8]) -> Bool { ConstantTime.equals(left.span, right.span) }
    let bytes = Array<UInt8>(0..<40)
    #expect(equals(bytes, bytes) && equals([], []))
    #expect(!equals(bytes, Array(bytes.dropLast())) && !equals([], [0]))
    for place in bytes.indices {
      var other = bytes
      other[place] ^= 0x80
      #expect(!equals(bytes, other))
    }
  }

  @Test(arguments: [0, 1, 15, 16, 17, 1000]) func whatWasSealedOpensWithItsKeyAndContextOnly(_ count: Int) {
    let (key, plaintext) = (SealingKey(Random.bytes(32)), Random.bytes(count))
    for context in [[], Array("row 1".utf8)] {
      let sealed = key.seal(plaintext, context: context)
      #expect(sealed.count == count + 28)
      #expect(key.open(sealed, context: context) == plaintext)
      #expect(key.open(sealed, context: context + [0]) == nil)
      #expect(SealingKey(Random.bytes(32)).open(sealed, context: context) == nil)
      #expect(key.seal(plaintext, context: context) != sealed, "a fresh nonce each time")
    }
  }

  @Test func anAlteredSealIsNotOpened() {
    let key = SealingKey(Random.bytes(32))
    let sealed = key.seal(Array("tel:+33612345678".utf8), context: [])
    for place in sealed.indices {
      var altered = sealed
      altered[place] ^= 1
      #expect(key.open(altered, context: []) == nil)
      #expect(key.open(Array(sealed[..<place]), context: []) == nil)
    }
    #expect(key.open(sealed + [0], context: []) == nil)
    #expect(key.open(sealed, context: []) != nil)
  }

  @Test func randomThingsHaveTheirFormAndDiffer() {
    #expect(Random.bytes(0).isEmpty && Random.bytes(33).count == 33)
    #expect(Random.token().utf8.count == 43)
    #expect(Random.token(byteCount: 16).utf8.count == 22)
    let identifiers = (0..<1000).map { _ in Random.uuid() }
    #expect(Set(identifiers).count == 1000)
    let form = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
    #expect(identifiers.allSatisfy { $0.wholeMatch(of: form) != nil })
    #expect(Set((0..<1000).map { _ in Random.token() }).count == 1000)
  }
}

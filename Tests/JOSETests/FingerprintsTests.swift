import Bytes
import Testing

@testable import JOSE

@Suite struct FingerprintsTests {
  @Test func theSameBytesHaveTheSameOne() {
    let fingerprints = Fingerprints()
    for count in [0, 1, 15, 16, 17, 800, 8192] {
      let bytes = Random.bytes(count)
      #expect(fingerprints.fingerprint(bytes.span) == fingerprints.fingerprint(bytes.span))
    }
  }

  @Test func oneBitMakesAnother() {
    let fingerprints = Fingerprints()
    let bytes = Random.bytes(100)
    var seen: Set = [fingerprints.fingerprint(bytes.span)]
    for bit in 0..<800 {
      var other = bytes
      other[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(seen.insert(fingerprints.fingerprint(other.span)).inserted)
    }
    #expect(seen.insert(fingerprints.fingerprint((bytes + [0]).span)).inserted)
  }

  @Test func eachObjectHasAKeyOfItsOwn() {
    let bytes = Array("token".utf8)
    #expect(Fingerprints().fingerprint(bytes.span) != Fingerprints().fingerprint(bytes.span))
  }
}

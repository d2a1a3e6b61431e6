import Foundation
import Testing

@testable import Bytes

@Suite struct Base64URLTests {
  // RFC 4648 §10 without padding, RFC 7515 appendix C, and the two letters of the URL alphabet.
  static let known: [([UInt8], String)] = [
    ([], ""), (Array("f".utf8), "Zg"), (Array("fo".utf8), "Zm8"), (Array("foo".utf8), "Zm9v"), (Array("foob".utf8), "Zm9vYg"),
    (Array("fooba".utf8), "Zm9vYmE"), (Array("foobar".utf8), "Zm9vYmFy"), ([3, 236, 255, 224, 193], "A-z_4ME"),
    ([0xFF, 0xFF, 0xFF], "____"),
    ([0xFB, 0xEF, 0xBE], "----"), ([0], "AA"), ([0, 0, 0, 0], "AAAAAA"),
  ]

  @Test(arguments: known) func knownValues(_ bytes: [UInt8], _ text: String) {
    #expect(Base64URL.encode(bytes) == text)
    #expect(Base64URL.decode(text) == bytes)
  }

  @Test(arguments: [
    "Zg==", "Zm8=", "Zm9v=", "=", "A", "AAAAA", "Zm9v\n", " Zm9v", "Zm 9v", "Zm9+", "Zm9/", "Zm9.", "Zm9v\u{0}", "é", "Zmé",
    "Zg\r\n",
  ]) func anyOtherSpellingIsRefused(_ text: String) { #expect(Base64URL.decode(text) == nil) }

  @Test func bitsBehindTheLastByteAreRefused() {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    let twoLetters = alphabet.filter { Base64URL.decode("A\($0)") != nil }
    #expect(twoLetters == ["A", "Q", "g", "w"])
    let threeLetters = alphabet.filter { Base64URL.decode("AA\($0)") != nil }
    #expect(threeLetters.count == 16)
  }

  @Test func everyTextHasOneMeaningAndEveryMeaningOneText() {
    var generator = SeededGenerator(seed: 2)
    for count in 0..<300 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let text = Base64URL.encode(bytes)
      #expect(Base64URL.decode(text) == bytes)
      let foundation = Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
        "=", with: "")
      #expect(text == foundation)
      // A changed letter is refused or means something else.
      guard var changed = Optional(Array(text.utf8)), let place = changed.indices.randomElement(using: &generator) else {
        continue
      }
      changed[place] = changed[place] == 0x41 ? 0x42 : 0x41
      let meaning = Base64URL.decode(changed.span)
      #expect(meaning != bytes)
    }
  }

  @Test func decodingIntoReplacesWhatWasThere() {
    var bytes: [UInt8] = [1, 2, 3]
    let isRead = Base64URL.decode(Array("Zg".utf8).span, into: &bytes)
    #expect(isRead && bytes == [0x66])
    let isReadToo = Base64URL.decode(Array("Z".utf8).span, into: &bytes)
    #expect(!isReadToo)
  }

  @Test func hexadecimalDigits() {
    #expect(Hex.encode([0x00, 0x0F, 0xA5, 0xFF]) == "000fa5ff")
    #expect(Hex.decode("000fA5Ff") == [0x00, 0x0F, 0xA5, 0xFF])
    #expect(Hex.decode("") == [])
    for text in ["0", "0g", "g0", " 0", "0x", "-1", "+1", "é", "00\n"] { #expect(Hex.decode(text) == nil, "\(text)") }
  }
}

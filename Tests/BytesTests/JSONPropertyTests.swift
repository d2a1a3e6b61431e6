import Foundation
import ReferenceReaders
import Testing

@testable import Bytes

@Suite struct JSONPropertyTests {
  @Test func randomTextsAreReadLikeThePlainReaderDoesAndComeBackWhenWritten() throws {
    var random = RandomJSON(seed: 11)
    for round in 0..<1_500 {
      let text = random.space() + random.value() + random.space()
      let model = try #require(ReferenceJSON.parse(Array(text.utf8)))
      let root = try document(text)
      if ReferenceJSON(root) != model { Issue.record("round \(round): \(text)") }
      // Written anew, it is the same document, and writing that again changes no byte.
      let written = root.strictJSON()
      let again = try JSONDocument(written).root
      if ReferenceJSON(again) != model || again.strictJSON() != written { Issue.record("round \(round): \(text)") }
    }
  }

  @Test func everyMemberIsFoundByItsName() throws {
    var random = RandomJSON(seed: 12)
    for _ in 0..<500 {
      let root = try document(random.object(3))
      for member in root.keys {
        #expect(root[member.name]?.raw == member.value.raw)
      }
    }
  }

  /// Random bytes and changed texts: taken or refused exactly as by the plain reader, and by Foundation at least taken.
  @Test(arguments: 0..<10) func changedTextsAreTakenOrRefusedLikeThePlainReaderDoes(_ part: Int) {
    var random = RandomJSON(seed: 100 + UInt64(part))
    let seeds = corpus("json").map(\.bytes).filter { $0.count < 200 }
    let words =
      [
        "\"", "\\", "\\u", "\\ud83d", "\\ude00", "{", "}", "[", "]", ":", ",", "0", "-", ".", "e", "E+", "null", "true", " ",
        "\n", "\u{0}", "\"a\":1",
        ",\"a\":1", "\"\\u0061\":", "é", "😀",
      ].map { Array($0.utf8) } + [[0xC0], [0xED, 0xA0, 0x80], [0xFF], [0xF4, 0x90], [0xEF, 0xBB, 0xBF], [0x80]]
    var (tape, taken, changed) = (JSONTape(), 0, 0)
    for round in 0..<10_000 {
      var bytes: [UInt8]
      switch round % 10 {
      case 0: bytes = (0..<random.pick(0..<40)).map { _ in UInt8.random(in: 0...255, using: &random.generator) }
      case 1..<5: bytes = random.pick(seeds)
      default: bytes = Array(random.value(depth: 4).utf8)
      }
      for _ in 0..<random.pick(0..<4) {
        changed += 1
        let place = Int.random(in: 0...bytes.count, using: &random.generator)
        switch random.pick(0..<5) {
        case 0: bytes.insert(contentsOf: random.pick(words), at: place)
        case 1 where place < bytes.count: bytes.remove(at: place)
        case 2 where place < bytes.count: bytes[place] ^= 1 << random.pick(UInt8(0)..<8)
        case 3: bytes.removeLast(random.pick(0...min(8, bytes.count)))
        default:
          let end = Int.random(in: place...bytes.count, using: &random.generator)
          bytes.insert(contentsOf: bytes[place..<end].prefix(16), at: end)
        }
      }
      let isTaken = (try? tape.parse(bytes.span)) != nil
      if isTaken != (ReferenceJSON.parse(bytes) != nil) { Issue.record("part \(part), round \(round): \(Hex.encode(bytes))") }
      guard isTaken else { continue }
      taken += 1
      // Foundation refuses numbers that a double cannot hold; everything else that is taken here it must take too.
      guard round % 8 == 0, !bytes.contains(0x65), !bytes.contains(0x45) else { continue }
      let foundation = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      if foundation == nil { Issue.record("part \(part), round \(round): \(Hex.encode(bytes))") }
    }
    // The test tests something: both happened often.
    #expect(taken > 2_000 && taken < 9_000 && changed > 10_000)
  }

  @Test func theCommentedDialectTakesAllThatIsStrict() {
    var random = RandomJSON(seed: 13)
    for _ in 0..<1_000 { #expect(refusal(random.value(), dialect: .commented) == nil) }
  }
}

import Foundation
import Testing

extension FuzzTarget: CustomTestStringConvertible {
  var testDescription: String { name }

  /// The files of `Tests/Fuzz/<name>`: written by hand, and those that libFuzzer found to lead somewhere of their own.
  var corpus: [(name: String, bytes: [UInt8])] {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let files = FileManager.default.enumerator(
      at: tests.appending(path: "Fuzz/\(name)"), includingPropertiesForKeys: [.isRegularFileKey])
    return (files?.allObjects as? [URL] ?? []).sorted { $0.path < $1.path }.compactMap { file in
      guard (try? file.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true else { return nil }
      return (try? Data(contentsOf: file)).map { (file.lastPathComponent, Array($0)) }
    }
  }
}

@Suite struct ReplayTests {
  @Test(arguments: FuzzTarget.all) func whatHoldsOfAParserHoldsForEveryFileOfItsCorpus(_ target: FuzzTarget) throws {
    let files = target.corpus
    #expect(files.count >= 5, "the corpus of \(target.name) is not there")
    for (name, bytes) in files where bytes.count <= target.bytesMaximum {
      do { try target.check(bytes) } catch { Issue.record("\(target.name)/\(name): \(error)") }
    }
  }

  /// Pieces of one file in another: what a fuzzer would try first, also where there is none.
  @Test(arguments: FuzzTarget.all) func andForMixturesOfThem(_ target: FuzzTarget) throws {
    let files = target.corpus.map(\.bytes).filter { !$0.isEmpty && $0.count <= 2000 }
    try #require(files.count >= 5)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      var bytes = files.randomElement(using: &generator)!
      let other = files.randomElement(using: &generator)!
      let place = Int.random(in: 0...bytes.count, using: &generator)
      let start = Int.random(in: 0..<other.count, using: &generator)
      switch Int.random(in: 0..<3, using: &generator) {
      case 0: bytes.insert(contentsOf: other[start...].prefix(Int.random(in: 1...40, using: &generator)), at: place)
      case 1: bytes = Array(bytes[..<place] + other[start...])
      default: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 0...5, using: &generator)))
      }
      do { try target.check(bytes) } catch { Issue.record("\(target.name): \(error): \(Data(bytes).base64EncodedString())") }
    }
  }
}

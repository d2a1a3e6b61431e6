import Foundation
import Ledger
import Testing

@Suite("The events of the ledger")
struct EventsTests {
  /// `event: "token.issued"`, also where it is one of two.
  @Test("every event that the sources write is known")
  func known() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let sources = root.appendingPathComponent("Sources")
    var found: Set<String> = []
    let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
    for case let file as URL in files where file.pathExtension == "swift" {
      for argument in try String(contentsOf: file, encoding: .utf8).matches(of: /\bevent: ([^,\n]*)/) {
        for name in argument.1.matches(of: /"([a-z]+\.[a-z_]+)"/) { found.insert(String(name.1)) }
      }
    }
    #expect(found.count > 20 && found.subtracting(LedgerEvents.known).isEmpty)
    #expect(Set(LedgerEvents.known).count == LedgerEvents.known.count)
  }
}

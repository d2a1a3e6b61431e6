import Foundation
import Testing

@testable import Policy

/// The words of the shipped policies that a subscriber reads on a phone.
@Suite struct ShippedTextsTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("policies").path
  private static let catalogue = try! Catalogue.load(directory: folder)
  private static let languages = ["en", "fr", "es", "de"]

  private static let titles =
    catalogue.categories.map(\.title) + catalogue.purposes.map(\.title) + catalogue.apis.map(\.title)
  private static let operations = catalogue.operationsByIndex.map(\.title)
  private static let descriptions = catalogue.categories.map(\.description) + catalogue.purposes.map(\.description)
  private static let examples = catalogue.categories.map(\.example)
  private static let all = titles + operations + descriptions + examples

  @Test func everyTextIsThereInEveryLanguage() {
    for text in Self.all { #expect(text.languages == Self.languages.sorted(), "\(text.text(["en"]))") }
  }

  @Test func nothingIsEnglishByOversight() {
    let same = Self.all.filter { text in Self.languages.dropFirst().contains { text.text([$0]) == text.text(["en"]) } }
    #expect(
      Set(same.map { $0.text(["en"]) }) == [
        "Marketing", "490154203237518", "Nokia 3110", "b083f65c…", "+33 6 98 76 54 32", "5G", "ada@example.com", "198.51.100.7",
      ])
  }

  @Test(arguments: [(titles, 60, 22), (operations, 70, 22), (descriptions, 160, 24), (examples, 24, 24)])
  func everyTextFitsOnAScreenOf320Pixels(_ texts: [LocalizedText], _ limit: Int, _ wordLimit: Int) {
    for text in texts.flatMap({ text in Self.languages.map { text.text([$0]) } }) {
      #expect(text.count <= limit, "\(text)")
      #expect(text.split(separator: " ").allSatisfy { $0.count <= wordLimit }, "\(text)")
    }
  }

  @Test(arguments: languages) func everyTextIsSetAsItsLanguageWantsIt(_ language: String) {
    for text in Self.all.map({ $0.text([language]) }) {
      #expect(!text.contains(/['"]/) && text.wholeMatch(of: /\S(.*\S)?/) != nil, "\(text)")
      // A blank that does not break a line stands before these marks.
      if language == "fr" { #expect(!text.contains(/[^\u{A0}]:|[^\u{202F}][;?!]/), "\(text)") }
      if language == "es" { #expect(text.count { $0 == "?" } == text.count { $0 == "¿" }, "\(text)") }
    }
    for text in Self.descriptions.map({ $0.text([language]) }) {
      #expect(text.hasSuffix(".") && !text.contains("Purposes associated"), "\(text)")
    }
  }

  /// A purpose stands under the heading "What it is for" and is said to the subscriber as a whole sentence.
  @Test func purposesAreSaidTheSameWayInEachLanguage() {
    let beginnings = ["en": ["To ", "So that "], "fr": ["Pour "], "es": ["Para "], "de": ["Um ", "Damit "]]
    for purpose in Self.catalogue.purposes {
      for (language, words) in beginnings {
        let text = purpose.description.text([language])
        #expect(words.contains(where: text.hasPrefix), "\(purpose.purpose.rawValue) \(language): \(text)")
      }
    }
  }
}

import Authorization
import Foundation
import Testing

@testable import Pages

/// What the subscriber reads, as it stands in the files: complete, alike, correctly set and short enough for a phone.
@Suite("The language files")
struct LanguageFileTests {
  private static let files: [String: [UInt8]] = [
    "en": PackageResources.en_json, "fr": PackageResources.fr_json, "es": PackageResources.es_json,
    "de": PackageResources.de_json,
  ]
  private static let languages = ["en", "fr", "es", "de"]

  private static func texts(_ language: String) throws -> [String: String] {
    try #require(try JSONSerialization.jsonObject(with: Data(files[language]!)) as? [String: String])
  }

  private static func slots(_ text: String) -> [String] { text.matches(of: /\{[^}]*\}/).map { String($0.output) }.sorted() }

  /// What stands there when the slots are empty.
  private static func words(_ text: String) -> String { text.replacing(/\{[^}]*\}/, with: "") }

  @Test("are the languages that the server speaks of")
  func announced() {
    #expect(Texts.languages == Self.languages)
    #expect(AuthorizationSettings(issuer: "https://op.example").languages == Self.languages)
  }

  @Test("have every text and no other, with the same slots as the English one", arguments: languages)
  func complete(_ language: String) throws {
    let (texts, english) = (try Self.texts(language), try Self.texts("en"))
    #expect(Set(texts.keys) == Set(TextKey.allCases.map(\.rawValue)))
    for (key, text) in texts {
      #expect(!text.isEmpty && Self.slots(text) == Self.slots(english[key] ?? ""), "\(key): \(text)")
    }
  }

  @Test(
    "say nothing in English by oversight",
    arguments: [
      ("fr", ["code.label", "start.title", "start.documents", "apis.documentation", "apis.scopes"]),
      ("es", ["start.title", "apis.scopes"]),
      (
        "de",
        ["code.label", "start.title", "start.apis", "month.4", "month.8", "month.9", "month.11", "apis.title", "apis.scopes"]
      ),
    ])
  func translated(_ language: String, _ same: [String]) throws {
    let english = try Self.texts("en")
    let found = try Self.texts(language).filter {
      $0.value == english[$0.key] && Self.words($0.value).contains(where: \.isLetter)
    }
    #expect(Set(found.keys) == Set(same))
  }

  @Test("fit on a screen of 320 pixels", arguments: languages)
  func short(_ language: String) throws {
    for (key, text) in try Self.texts(language) {
      let words = Self.words(text)
      let limit =
        switch key {
        case "consent.allow", "consent.deny": 16
        case _ where key.hasSuffix(".title") || key.hasSuffix(".heading"): 60
        default: 260
        }
      #expect(words.count <= limit, "\(key): \(text)")
      // A word of a heading has to find room in one line of large letters.
      let longest = words.split(separator: " ").map(\.count).max() ?? 0
      #expect(longest <= (limit == 60 ? 20 : 24), "\(key): \(text)")
    }
  }

  @Test("are set as the language wants it", arguments: languages)
  func typography(_ language: String) throws {
    for (key, text) in try Self.texts(language) {
      #expect(!text.contains(/['"]/) && (key == "list.separator" || text.wholeMatch(of: /\S(.*\S)?/) != nil), "\(key): \(text)")
      switch language {
      // A blank that does not break a line stands before these marks.
      case "fr": #expect(!text.contains(/[^\u{A0}]:|[^\u{202F}][;?!]/), "\(key): \(text)")
      case "es": #expect(text.count { $0 == "?" } == text.count { $0 == "¿" }, "\(key): \(text)")
      default: break
      }
    }
  }
}

import Bytes

/// A text for people, in one language or more. English is always there.
public struct LocalizedText: Sendable, Hashable {
  private let byLanguage: [String: String]

  /// Reads `{"en": "...", "fr": "..."}`.
  ///
  /// - Throws: `DocumentError` for a missing English text, a language that is no tag of two or three letters, an empty text.
  init(_ value: JSONValue) throws(DocumentError) {
    guard value.kind == .object else { throw value.error("a text in languages was expected: { \"en\": \"...\" }") }
    var texts: [String: String] = [:]
    for member in value.keys {
      guard (2...3).contains(member.name.utf8.count), member.name.utf8.allSatisfy({ $0 >= 0x61 && $0 <= 0x7A }) else {
        throw member.error("a language wants a tag of two or three small letters")
      }
      guard let text = member.value.string, !text.isEmpty, text.utf8.count <= 4096 else {
        throw member.value.error("a text wants 1 to 4096 bytes")
      }
      texts[member.name] = text
    }
    guard texts["en"] != nil else { throw value.error("the English text (\"en\") is missing") }
    byLanguage = texts
  }

  /// The text in the first of these languages that there is, otherwise in English.
  public func text(_ languages: [String]) -> String {
    for language in languages { if let text = byLanguage[language] { return text } }
    return byLanguage["en"]!
  }

  /// The languages that it is written in.
  public var languages: [String] { byLanguage.keys.sorted() }
}

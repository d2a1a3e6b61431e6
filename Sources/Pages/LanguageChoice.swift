import Authorization
import Wire

/// The language of a page: what the request for authorization asks for (`ui_locales`), then what the client prefers, then what
/// the browser says, then English.
enum LanguageChoice {
  static func texts(requested: [String] = [], client: [String] = [], browser: HTTPRequest) -> Texts {
    let accepted = browser.fields("accept-language").joined(separator: ",")
    return Texts.choose(requested + client + accepting(accepted))
  }

  /// Where no browser's request is at hand.
  static func texts(of interaction: Interaction) -> Texts {
    Texts.choose(interaction.request.languages + interaction.client.languages)
  }

  /// The languages of `Accept-Language`, best first (RFC 9110 §12.5.4); those with weight 0 are not wanted. Sixteen at most.
  static func accepting(_ field: String) -> [String] {
    let ranges = field.split(separator: ",").prefix(16).map { range -> (tag: String, weight: Double) in
      let parts = range.split(separator: ";", omittingEmptySubsequences: false).map { $0.filter { $0 != " " && $0 != "\t" } }
      let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
      return (parts.first ?? "", weight ?? 1)
    }
    // A stable order: of equal weights the first comes first.
    let ordered = ranges.enumerated().sorted { ($1.element.weight, $0.offset) < ($0.element.weight, $1.offset) }
    return ordered.map(\.element).filter { $0.weight > 0 && $0.weight <= 1 && !$0.tag.isEmpty }.map(\.tag)
  }
}

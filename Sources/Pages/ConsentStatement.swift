import Authorization
import Bytes
import Identifiers
import JOSE
import Policy

/// What is put before the subscriber: who asks, what for, which data, for how long, and how to withdraw. The part of the page
/// whose digest goes into the consent's history; it holds neither the request's handle nor the number.
struct ConsentStatement {
  /// Raised with each change of what the statement says or how it is laid out; the texts are told apart by their digest.
  static let version = "3"

  private static let template = Template(PackageResources.statement_html)
  private static let category = Template(PackageResources.category_html)
  private static let askerLink = Template(PackageResources.asker_link_html)
  private static let offline = Template(PackageResources.offline_html)
  private static let logo = Template(PackageResources.logo_html)
  private static let askerText = Template(PackageResources.asker_text_html)

  let texts: Texts
  let markup: Markup
  let mark: PageMark
  private let digest: Digest32

  init(_ interaction: Interaction, texts: Texts, settings: PageSettings, myAddress: String) {
    let client = interaction.client.name
    let purpose = interaction.offer.purpose
    let wishes = [texts.language]
    let categories = interaction.offer.items.map { Self.render($0, client: client, texts: texts) }
    let withdrawal = texts(.withdrawalText, ["client": client, "operator": settings.operatorName, "address": myAddress])
    markup = Self.template.render([
      "logo": .markup(Self.logo(settings.logos, interaction)),
      "heading": .text(texts(.consentHeading, ["client": client])),
      "asker": .markup(Self.asker(interaction, texts, settings.operatorName)),
      "purposeHeading": .text(texts(.purpose)), "purposeTitle": .text(purpose.title.text(wishes)),
      "purposeDescription": .text(purpose.description.text(wishes)),
      "dataHeading": .text(texts(.data)), "dataHint": .text(texts(.dataHint)), "categories": .markup(Markup(categories)),
      "durationHeading": .text(texts(.duration)),
      "duration": .text(texts(.durationText, ["date": texts.day(interaction.offer.expiresAt)])),
      "offline": .markup(Self.offline(interaction, texts)), "withdrawalHeading": .text(texts(.withdrawal)),
      "withdrawal": .text(withdrawal),
    ])
    self.texts = texts
    digest = SHA256.digest(markup.bytes)
    mark = PageMark(version: Self.version, language: texts.language, digest: digest.base64url)
  }

  func shown(_ interaction: Interaction) -> ShownPage {
    ShownPage(
      version: Self.version, language: texts.language, textDigest: digest, categories: interaction.offer.categoryIDs)
  }

  private static func render(_ item: ConsentOffer.Item, client: String, texts: Texts) -> Markup {
    let wishes = [texts.language]
    return category.render([
      "id": .text(item.category.id.rawValue), "title": .text(item.category.title.text(wishes)),
      "description": .text(item.category.description.text(wishes)), "exampleLabel": .text(texts(.example)),
      "example": .text(item.category.example.text(wishes)), "cost": .text(cost(item.cost, client: client, texts: texts)),
    ])
  }

  /// A refresh token goes on without anybody in front of a browser: whoever agrees to it has to know.
  private static func offline(_ interaction: Interaction, _ texts: Texts) -> Markup {
    guard interaction.mayGoOn else { return .nothing }
    return offline.render(["text": .text(texts(.offline, ["client": interaction.client.name]))])
  }

  /// Without a text of its own: the name stands beside it.
  private static func logo(_ logos: Logos, _ interaction: Interaction) -> Markup {
    guard let path = logos.path(of: interaction.client.id) else { return .nothing }
    return logo.render(["address": .text(path)])
  }

  private static func cost(_ cost: ConsentOffer.Cost, client: String, texts: Texts) -> String {
    switch cost {
    case .nothing: texts(.costNothing)
    case .everything: texts(.costAll, ["client": client])
    case .services(let services):
      texts(
        .costService,
        ["client": client, "services": services.map { $0.text([texts.language]) }.joined(separator: texts(.listSeparator))])
    }
  }

  /// A link to the client's own page where there is one; the address is checked at registration, and again for its scheme,
  /// because it is the one place where an address of the client's becomes something to click (A17).
  private static func asker(_ interaction: Interaction, _ texts: Texts, _ operatorName: String) -> Markup {
    let client = interaction.client
    guard let address = client.clientURI, address.hasPrefix("https://") || address.hasPrefix("http://") else {
      return askerText.render(["text": .text(texts(.askerNone, ["client": client.name, "operator": operatorName]))])
    }
    let host = String(address.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    return askerLink.render(["address": .text(address), "text": .text(texts(.askerLink, ["host": host]))])
  }
}

/// Which page was shown, as its form carries it: version, language and digest.
struct PageMark: Equatable {
  let version: String
  let language: String
  let digest: String

  init(version: String, language: String, digest: String) {
    self.version = version
    self.language = language
    self.digest = digest
  }

  /// Reads what a form sent; whatever it is, it is only compared.
  init(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    self.init(version: parts[0], language: parts.count > 1 ? parts[1] : "", digest: parts.count > 2 ? parts[2] : "")
  }

  var text: String { "\(version).\(language).\(digest)" }
  /// The texts of the language that the page was in; English when it is one that we do not speak.
  var texts: Texts { Texts.choose([language]) }
}

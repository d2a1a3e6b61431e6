import Bytes
import Identifiers
import Store

/// An authorization request that has passed every check: what a person may be asked, and where the answer goes.
public struct AuthorizationRequest: Sendable, Equatable {
  public let client: ClientID
  public let redirectURI: String
  public let state: String?
  public let nonce: String?
  public let challenge: String?
  /// What was asked for: API scopes, `openid`, and the purpose.
  public let scopes: ScopeSet
  public let purpose: Purpose
  /// The languages that the client asks for, best first (OIDC Core §3.1.2.1 `ui_locales`).
  public let languages: [String]
  let prompt: PromptValue

  /// Nil when the examination learnt no purpose: then it is not one of the authorization endpoint.
  init?(_ examination: Examination) {
    guard let purpose = examination.purpose else { return nil }
    client = examination.client.id
    redirectURI = examination.redirectURI
    state = examination.state
    nonce = examination.nonce
    challenge = examination.challenge
    scopes = examination.scopes
    self.purpose = purpose
    languages = Self.languages(examination.parameters["ui_locales"] ?? "")
    prompt = examination.prompt
  }

  /// The tags of `ui_locales` that look like language tags, eight at most; the parameter is a wish and never an error.
  private static func languages(_ text: String) -> [String] {
    let tags = text.split(separator: " ").filter { tag in
      (2...35).contains(tag.utf8.count)
        && tag.utf8.allSatisfy {
          (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
        }
    }
    return tags.prefix(8).map(String.init)
  }
}

/// Who the subscriber is and how that is known.
public struct RecognisedSubscriber: Sendable, Equatable {
  public let pseudonym: SubjectPseudonym
  /// How they were recognised (RFC 8176): `["nba"]`.
  public let amr: [String]
  public let at: Timestamp
}

// MARK: - As it is stored while a person decides

extension AuthorizationRequest {
  /// The request, and the subscriber when they are known, as the interaction store keeps them (sealed).
  func stored(with subscriber: RecognisedSubscriber?) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.field("client", client.rawValue)
    json.field("redirect_uri", redirectURI)
    if let state { json.field("state", state) }
    if let nonce { json.field("nonce", nonce) }
    if let challenge { json.field("challenge", challenge) }
    json.field("scopes", scopes.description)
    json.field("purpose", purpose.rawValue)
    json.field("languages", languages)
    json.field("asks_again", prompt == .consent)
    if let subscriber {
      json.field("subscriber", subscriber.pseudonym.rawValue)
      json.field("amr", subscriber.amr)
      json.field("recognised_at", Int(subscriber.at.seconds))
    }
    json.endObject()
    return json.bytes
  }

  /// Reads what `stored` wrote; nil when it is something else.
  static func restore(_ bytes: [UInt8]) -> (request: AuthorizationRequest, subscriber: RecognisedSubscriber?)? {
    guard let root = try? JSONDocument(bytes).root, let request = AuthorizationRequest(stored: root) else { return nil }
    guard let text = root["subscriber"]?.string else { return (request, nil) }
    guard let pseudonym = SubjectPseudonym(rawValue: text), let amr = root["amr"]?.array?.compactMap(\.string),
      let seconds = root["recognised_at"]?.integer
    else { return nil }
    return (request, RecognisedSubscriber(pseudonym: pseudonym, amr: amr, at: Timestamp(seconds: Int64(seconds))))
  }

  private init?(stored root: JSONValue) {
    guard let client = root["client"]?.string.flatMap(ClientID.init(rawValue:)), let uri = root["redirect_uri"]?.string,
      let scopes = root["scopes"]?.string.flatMap({ ScopeSet(parsing: $0) }),
      let purpose = root["purpose"]?.string.flatMap(Purpose.init(rawValue:)),
      let languages = root["languages"]?.array?.compactMap(\.string), let asksAgain = root["asks_again"]?.boolean
    else { return nil }
    self.client = client
    redirectURI = uri
    state = root["state"]?.string
    nonce = root["nonce"]?.string
    challenge = root["challenge"]?.string
    self.scopes = scopes
    self.purpose = purpose
    self.languages = languages
    prompt = asksAgain ? .consent : .whenNeeded
  }
}

import Bytes
import Identifiers
import JOSE
import Store

/// A request that has passed every check: what a person may be asked, and how its client gets the answer.
public struct AuthorizationRequest: Sendable, Equatable {
  public let client: ClientID
  /// What was asked for: API scopes, `openid`, `offline_access` and the purpose.
  public let scopes: ScopeSet
  public let purpose: Purpose
  /// The languages that the client asks for, best first (OIDC Core §3.1.2.1 `ui_locales`).
  public let languages: [String]
  public let way: AnswerWay
  let prompt: PromptValue

  /// Nil when the examination learnt no purpose: then it is not one of the authorization endpoint.
  init?(_ examination: Examination) {
    guard let purpose = examination.purpose else { return nil }
    client = examination.client.id
    scopes = examination.scopes
    self.purpose = purpose
    languages = Self.languages(examination.asked["ui_locales"] ?? "")
    prompt = examination.prompt
    way = .browser(
      Redirection(
        uri: examination.redirectURI, state: examination.state, nonce: examination.nonce, challenge: examination.challenge,
        codeKey: examination.codeKey))
  }

  /// A backchannel request.
  init(_ examination: Examination, answeredTo record: BackchannelRecord) {
    client = record.client
    scopes = record.scopes
    purpose = record.purpose
    languages = Self.languages(examination.asked["ui_locales"] ?? "")
    prompt = .whenNeeded
    way = .poll(record.digest)
  }

  /// What a capture URL asks.
  init(_ capture: CaptureRecord, state: String?) {
    client = capture.client
    scopes = capture.scopes
    purpose = capture.purpose
    languages = []
    prompt = .whenNeeded
    way = .capture(
      CaptureReturn(digest: capture.digest, subject: capture.subject, callbackURL: capture.callbackURL, state: state))
  }

  /// Where the browser goes with a code; nil when none waits for one.
  public var redirection: Redirection? {
    if case .browser(let redirection) = way { redirection } else { nil }
  }

  /// The client's address to which the browser goes afterwards; nil when it goes nowhere.
  public var returnAddress: String? {
    switch way {
    case .browser(let redirection): redirection.uri
    case .poll: nil
    case .capture(let capture): capture.callbackURL
    }
  }

  /// The flow's short word, for consent history.
  var flowWord: String {
    switch way {
    case .browser: Flow.authorizationCode.word
    case .poll: Flow.ciba.word
    case .capture: "capture"
    }
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

/// How a client gets the answer.
public enum AnswerWay: Sendable, Equatable {
  /// A code, through the browser in front of which the person sits.
  case browser(Redirection)
  /// By asking for it: the digest of the `auth_req_id`.
  case poll(Digest32)
  /// By the outcome alone, through the browser, where the client has an address for it.
  case capture(CaptureReturn)
}

/// What an authorization request says about its answer.
public struct Redirection: Sendable, Equatable {
  public let uri: String
  let state: String?
  let nonce: String?
  let challenge: String?
  /// The key that must be proven when the code is redeemed.
  let codeKey: String?
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
    switch way {
    case .browser(let redirection): redirection.append(to: &json)
    case .poll(let digest): json.field("poll", digest.hex)
    case .capture(let capture): capture.append(to: &json)
    }
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
    guard let client = root["client"]?.string.flatMap(ClientID.init(rawValue:)),
      let scopes = root["scopes"]?.string.flatMap({ ScopeSet(parsing: $0) }),
      let purpose = root["purpose"]?.string.flatMap(Purpose.init(rawValue:)),
      let languages = root["languages"]?.array?.compactMap(\.string), let asksAgain = root["asks_again"]?.boolean
    else { return nil }
    if let text = root["poll"]?.string {
      guard let digest = Hex.decode(text).flatMap({ Digest32(bytes: $0) }) else { return nil }
      way = .poll(digest)
    } else if root["capture"] != nil {
      guard let capture = CaptureReturn(stored: root) else { return nil }
      way = .capture(capture)
    } else {
      guard let redirection = Redirection(stored: root) else { return nil }
      way = .browser(redirection)
    }
    self.client = client
    self.scopes = scopes
    self.purpose = purpose
    self.languages = languages
    prompt = asksAgain ? .consent : .whenNeeded
  }
}

extension Redirection {
  fileprivate func append(to json: inout JSONWriter) {
    json.field("redirect_uri", uri)
    if let state { json.field("state", state) }
    if let nonce { json.field("nonce", nonce) }
    if let challenge { json.field("challenge", challenge) }
    if let codeKey { json.field("code_key", codeKey) }
  }

  fileprivate init?(stored root: JSONValue) {
    guard let uri = root["redirect_uri"]?.string else { return nil }
    self.uri = uri
    state = root["state"]?.string
    nonce = root["nonce"]?.string
    challenge = root["challenge"]?.string
    codeKey = root["code_key"]?.string
  }
}

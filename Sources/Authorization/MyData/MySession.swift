import Bytes
import JOSE
import Identifiers
import Store
import Wire

/// A browser in front of the subscriber's own pages, and who the person is, once that is known.
///
/// The cookie is 256 random bits. Until somebody is recognised there is nothing behind it; then it is another one, so that nobody can
/// have planted it (fixation), and who they are stands sealed under its digest for a quarter of an hour.
public struct MySession: Sendable {
  public static let lifetimeSeconds: Int64 = 900

  private let value: String
  /// Nil while nobody knows who is there.
  public let subscriber: RecognisedSubscriber?

  /// What our own forms carry. A digest of the cookie, which other pages do not know; from what the store has it cannot be told.
  public var formToken: String { Self.digest("my-form", value).base64url }

  /// What a one-time code for these pages is good for.
  public var codeVisit: CodeVisit { CodeVisit(digest: Self.digest("my-code", value), client: nil) }

  var recordDigest: Digest32 { Self.digest("my-session", value) }

  static func begin(_ subscriber: RecognisedSubscriber?) -> MySession {
    MySession(value: Random.token(byteCount: 32), subscriber: subscriber)
  }

  /// The browser's cookie, whether or not anything is behind it; nil when it shows none.
  static func shown(by request: HTTPRequest, _ settings: AuthorizationSettings) -> MySession? {
    Session.cookie(cookieName(settings), of: request).map { MySession(value: $0, subscriber: nil) }
  }

  func with(_ subscriber: RecognisedSubscriber) -> MySession { MySession(value: value, subscriber: subscriber) }

  /// True for the token of this session's own forms.
  public func isFormToken(_ text: String?) -> Bool {
    guard let text else { return false }
    return ConstantTime.equals(Array(text.utf8).span, Array(formToken.utf8).span)
  }

  /// The `Set-Cookie` value.
  public func cookie(_ settings: AuthorizationSettings) -> String {
    "\(Self.cookieName(settings))=\(value); Path=/; Max-Age=\(Self.lifetimeSeconds); HttpOnly; SameSite=Lax"
      + (settings.hasSecureCookies ? "; Secure" : "")
  }

  /// The `Set-Cookie` value that takes the cookie away.
  public static func noCookie(_ settings: AuthorizationSettings) -> String {
    "\(cookieName(settings))=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax" + (settings.hasSecureCookies ? "; Secure" : "")
  }

  private static func cookieName(_ settings: AuthorizationSettings) -> String {
    settings.hasSecureCookies ? "__Host-passerelle_my" : "passerelle_my"
  }

  /// One secret, several uses: none can be taken for another, nor for the handle of a request that waits.
  private static func digest(_ use: String, _ value: String) -> Digest32 { SHA256.digest(Array("\(use):\(value)".utf8)) }
}

import Bytes
import JOSE
import Wire

/// The browser that a request for a person's decision came from, known by a cookie: only that browser can go on with it (A39).
///
/// The cookie is 256 random bits; the store holds its digest. `SameSite=Lax` keeps it out of forms posted from elsewhere,
/// `HttpOnly` out of scripts, and over TLS the `__Host-` prefix keeps neighbours in the domain from setting it (fixation).
struct Session: Sendable {
  let value: String
  var digest: Digest32 { SHA256.digest(Array(value.utf8)) }

  static func cookieName(_ settings: AuthorizationSettings) -> String {
    settings.hasSecureCookies ? "__Host-passerelle_session" : "passerelle_session"
  }

  /// The session that the browser shows; nil when it shows none, or two, of which one may have been planted.
  init?(_ request: HTTPRequest, _ settings: AuthorizationSettings) {
    guard let value = Self.cookie(Self.cookieName(settings), of: request) else { return nil }
    self.value = value
  }

  /// 256 random bits that a browser shows under a name; nil when it shows none, or two, or something else.
  static func cookie(_ name: String, of request: HTTPRequest) -> String? {
    let cookies = request.fields("cookie").flatMap { $0.split(separator: ";") }
    let values = cookies.compactMap { cookie -> Substring? in
      let sides = cookie.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2, sides[0].drop(while: { $0 == " " }) == name[...] else { return nil }
      return sides[1]
    }
    guard values.count == 1, let bytes = Base64URL.decode(String(values[0])), bytes.count == 32 else { return nil }
    return String(values[0])
  }

  private init(value: String) { self.value = value }

  static func begin() -> Session { Session(value: Random.token(byteCount: 32)) }

  /// The `Set-Cookie` value. It ends with the browser's session.
  func cookie(_ settings: AuthorizationSettings) -> String {
    "\(Self.cookieName(settings))=\(value); Path=/; HttpOnly; SameSite=Lax" + (settings.hasSecureCookies ? "; Secure" : "")
  }
}

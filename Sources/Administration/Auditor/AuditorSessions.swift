import Bytes
import JOSE
import Synchronization
import Wire

/// Who has shown the admin token in a browser, for a short while.
///
/// The cookie is 256 random bits, for `/auditor` alone, and never goes along with a request from elsewhere (`SameSite=Strict`). What is
/// kept is its digest, in memory: a restart ends every session. Wrong tokens are counted by the address that they came from. Any thread.
final class AuditorSessions: Sendable {
  static let lifetimeSeconds = 1800
  static let sessionsMaximum = 64
  /// Wrong tokens of one address within a minute; a further one is not looked at.
  static let attemptsMaximum = 5
  static let sourcesMaximum = 1024
  private static let cookieName = "passerelle_auditor"
  private static let minute: UInt64 = 60_000_000_000

  /// An open session: its forms carry the token, which no other page knows.
  struct Session: Sendable {
    fileprivate let value: String

    var formToken: String { AuditorSessions.digest("form", value).base64url }

    func isFormToken(_ text: String?) -> Bool {
      guard let text else { return false }
      return ConstantTime.equals(Array(text.utf8).span, Array(formToken.utf8).span)
    }
  }

  enum SignIn {
    case opened(Session)
    case wrong
    /// Too many wrong tokens; true for the first one of the minute that is turned away.
    case blocked(isFirst: Bool)
  }

  private struct Attempts {
    var begunNanoseconds: UInt64
    var count: Int
  }

  private struct State {
    /// By the cookie's digest: until when.
    var sessions: [Digest32: UInt64] = [:]
    var attempts: [String: Attempts] = [:]
  }

  private let token: [UInt8]
  private let time: any TimeSource
  private let isSecure: Bool
  private let state = Mutex(State())

  /// - Parameter isSecure: cookies go over TLS alone.
  init(token: String, time: any TimeSource, isSecure: Bool = false) {
    self.token = Array(token.utf8)
    self.time = time
    self.isSecure = isSecure
  }

  /// Opens a session for who shows the token. Beyond the attempts of a minute the right one opens nothing either.
  func signIn(_ shown: String, from source: String) -> SignIn {
    let now = time.monotonicNanoseconds()
    let (given, expected) = (Array(shown.utf8), token)
    let isRight = ConstantTime.equals(given.span, expected.span)
    return state.withLock { state in
      var attempts = state.attempts[source] ?? Attempts(begunNanoseconds: now, count: 0)
      if now - attempts.begunNanoseconds >= Self.minute { attempts = Attempts(begunNanoseconds: now, count: 0) }
      if state.attempts[source] == nil, state.attempts.count >= Self.sourcesMaximum {
        state.attempts = state.attempts.filter { now - $0.value.begunNanoseconds < Self.minute }
        // So many addresses at once are no person's.
        guard state.attempts.count < Self.sourcesMaximum else { return .blocked(isFirst: false) }
      }
      attempts.count += 1
      state.attempts[source] = attempts
      guard attempts.count <= Self.attemptsMaximum else { return .blocked(isFirst: attempts.count == Self.attemptsMaximum + 1) }
      guard isRight else { return .wrong }
      state.attempts[source] = nil
      state.sessions = state.sessions.filter { $0.value > now }
      if state.sessions.count >= Self.sessionsMaximum, let oldest = state.sessions.min(by: { $0.value < $1.value }) {
        state.sessions[oldest.key] = nil
      }
      let session = Session(value: Random.token(byteCount: 32))
      state.sessions[Self.digest("session", session.value)] = now + UInt64(Self.lifetimeSeconds) * 1_000_000_000
      return .opened(session)
    }
  }

  /// The session whose cookie a request shows; nil when it shows none, two, or one that is over.
  func session(of request: HTTPRequest) -> Session? {
    let values = request.fields("cookie").flatMap { $0.split(separator: ";") }.compactMap { cookie -> String? in
      let sides = cookie.split(separator: "=", maxSplits: 1).map { String($0.drop { $0 == " " }) }
      return sides.count == 2 && sides[0] == Self.cookieName ? sides[1] : nil
    }
    guard values.count == 1 else { return nil }
    let now = time.monotonicNanoseconds()
    let isOpen = state.withLock { $0.sessions[Self.digest("session", values[0])].map { $0 > now } ?? false }
    return isOpen ? Session(value: values[0]) : nil
  }

  func end(_ session: Session) { state.withLock { $0.sessions[Self.digest("session", session.value)] = nil } }

  /// The `Set-Cookie` value of a session.
  func cookie(of session: Session) -> String { cookie(session.value, seconds: Self.lifetimeSeconds) }

  /// The `Set-Cookie` value that takes the cookie away.
  var noCookie: String { cookie("", seconds: 0) }

  private func cookie(_ value: String, seconds: Int) -> String {
    // Without TLS, on loopback unless configured, a Secure cookie would not come back.
    "\(Self.cookieName)=\(value); Path=/auditor; Max-Age=\(seconds); HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
  }

  private static func digest(_ use: String, _ value: String) -> Digest32 { SHA256.digest(Array("auditor-\(use):\(value)".utf8)) }
}

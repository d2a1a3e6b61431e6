import Bytes
import JOSE
import Wire

/// What has to hold of a successful answer of the token endpoint, for each flow.
struct TokenExamination {
  let flow: FlowName
  let client: FlowClient
  let metadata: ServerMetadata
  /// Scopes that were asked for; empty when none was named (refresh).
  let asked: [String]
  /// Texts of the person's number that must not be found in anything the client gets; empty when it is not known here.
  var number: String?

  private var report: FlowReport { client.report }

  /// - Throws: `CommandFailure` when there is no token.
  func examine(_ response: HTTPResponse) throws(CommandFailure) -> TokenSet {
    guard response.status == 200 else { throw OAuthFailure.examine(response, of: "the token endpoint", report) }
    let root = (try? JSONDocument(response.body))?.root
    guard let tokens = root.flatMap(TokenSet.init) else {
      report.check("the answer is JSON with access_token and token_type", "RFC 6749 §5.1", false)
      throw CommandFailure("the token endpoint answered 200 without a token")
    }
    examineForm(response, tokens)
    examineType(tokens)
    examineScope(tokens)
    examineRefreshToken(tokens)
    examineAccessToken(tokens)
    return tokens
  }

  private func examineForm(_ response: HTTPResponse, _ tokens: TokenSet) {
    report.check("access token and its type are there", "RFC 6749 §5.1", true)
    report.check(
      "Cache-Control: no-store on the token answer", "RFC 6749 §5.1",
      response.field("cache-control")?.lowercased().contains("no-store") == true)
    report.check(
      "the answer is application/json", "RFC 6749 §5.1",
      response.field("content-type")?.lowercased().hasPrefix("application/json") == true)
    report.recommend("expires_in says how long the token lives", "RFC 6749 §5.1", (tokens.expiresInSeconds ?? 0) > 0)
    if flow == .jwtBearer {
      report.recommend(
        "the token lives shortly, 300 s at most", "profile item 50", (1...300).contains(tokens.expiresInSeconds ?? 0))
    }
  }

  private func examineType(_ tokens: TokenSet) {
    let type = tokens.tokenType.lowercased()
    guard client.prover != nil else {
      report.check("a bearer token, for no proof was sent", "profile item 3", type == "bearer")
      return
    }
    if metadata.announcesDPoP {
      report.check("a DPoP token, for a proof was sent and the server announces DPoP", "profile item 3", type == "dpop")
    } else {
      report.check("a bearer or DPoP token, and no error about the proof", "profile item 2", ["bearer", "dpop"].contains(type))
    }
  }

  /// Part of what was asked for is a normal answer, more is not (profile item 56).
  private func examineScope(_ tokens: TokenSet) {
    guard let scope = tokens.scope, !asked.isEmpty else { return }
    report.check(
      "no scope was granted that was not asked for", "profile item 56",
      Set(scope.split(separator: " ").map(String.init)).isSubset(of: asked))
  }

  private func examineRefreshToken(_ tokens: TokenSet) {
    let isThere = tokens.refreshToken != nil
    switch flow {
    case .clientCredentials: report.check("no refresh token in client credentials", "profile item 38", !isThere)
    case .jwtBearer: report.check("no refresh token in JWT bearer", "profile item 50", !isThere)
    case .refresh: break
    case .authorize, .ciba:
      if asked.contains("offline_access") {
        if !isThere {
          report.note("no refresh token, though offline_access was asked for: that is the server's choice (item 37)")
        }
      } else {
        report.recommend("no refresh token without offline_access", "profile item 37", !isThere)
      }
    }
  }

  /// Of a token that can be read: the key that it is bound to, and that it does not tell who the person is.
  private func examineAccessToken(_ tokens: TokenSet) {
    guard let claims = Self.claims(of: tokens.accessToken) else { return }
    if let prover = client.prover, tokens.tokenType.lowercased() == "dpop" {
      report.check("cnf.jkt of the access token is our key", "RFC 9449 §6.1", claims["cnf"]?["jkt"]?.string == prover.thumbprint)
    }
    guard let number else { return }
    report.check(
      "the number cannot be read in the access token", "profile item 63",
      !PersonalNumber(number).isReadable(in: String(decoding: claims.raw, as: UTF8.self)))
  }

  private static func claims(of token: String) -> JSONValue? {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let bytes = Base64URL.decode(String(parts[1])) else { return nil }
    return (try? JSONDocument(bytes))?.root
  }
}

/// A number that the tester knows, looked for in what a client gets (profile items 62 and 63).
struct PersonalNumber {
  /// `33639980001`.
  private let digits: String

  init(_ text: String) { digits = text.filter(\.isNumber) }

  /// The number of `tel:+33...` or `+33...`; nil for another hint.
  static func inHint(_ hint: String?) -> String? {
    guard let hint, let plus = hint.firstIndex(of: "+"), hint[..<plus].isEmpty || hint[..<plus] == "tel:" else { return nil }
    return String(hint[plus...])
  }

  /// In the clear; without the country code it would be the same.
  func isReadable(in text: String) -> Bool { digits.count >= 8 && text.contains(digits.suffix(8)) }

  /// As itself, or as a digest of it that anybody can compute: there are only 10^10 numbers.
  func isRevealed(by subject: String) -> Bool {
    if isReadable(in: subject) { return true }
    return [digits, "+" + digits, "tel:+" + digits].contains { form in
      let digest = SHA256.digest(Array(form.utf8))
      return [digest.hex, digest.base64url].contains { $0.lowercased() == subject.lowercased() }
    }
  }
}

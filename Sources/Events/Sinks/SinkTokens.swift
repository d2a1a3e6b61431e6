import Bytes
import JOSE
import Store
import Synchronization
import Wire

/// Why there is no token for a sink.
enum SinkTokenFailure: Error, Equatable {
  case expired
  /// The client's token endpoint does not answer, or refuses.
  case notIssued

  /// Of the fixed set of failures.
  var word: String {
    switch self {
    case .expired: "token_expired"
    case .notIssued: "token_not_issued"
    }
  }
}

/// The tokens that the gateway shows to sinks: the client's own, or one that the gateway asks for at the client's token endpoint with a
/// signed assertion (`PRIVATE_KEY_JWT`, RFC 7523 §2.2, RFC 6749 §4.4). Those are kept until shortly before they expire. Any thread.
public final class SinkTokens: Sendable {
  static let rememberedMaximum = 10_000
  /// A failure is not asked about again before.
  static let failedSeconds: Int64 = 5
  /// A token is not used in its last seconds, and one without an end is asked for again after so many.
  static let marginSeconds: Int64 = 15
  static let lifetimeSecondsDefault = 300
  static let lifetimeSecondsMaximum = 86_400
  private static let assertionSeconds: Int64 = 60
  private static let tokenBytesMaximum = 8192

  private struct Endpoint: Hashable {
    var clientID: String
    var tokenURI: String
  }

  private enum Known {
    case token(String, until: Timestamp)
    case failed(until: Timestamp)
    case asked([CheckedContinuation<String?, Never>])
  }

  private enum Step {
    case settled(String?)
    case ask
    case wait
  }

  private let client: JudgedWebClient
  private let keys: KeyRing
  private let time: any TimeSource
  private let timeoutMilliseconds: Int
  private let known = Mutex<[Endpoint: Known]>([:])

  /// - Parameters:
  ///   - client: goes where the sinks' rule lets it.
  ///   - keys: whose signing key is published where the client was told to look for the gateway's keys.
  public init(client: JudgedWebClient, keys: KeyRing, time: any TimeSource, timeoutMilliseconds: Int = 10_000) {
    self.client = client
    self.keys = keys
    self.time = time
    self.timeoutMilliseconds = timeoutMilliseconds
  }

  /// The token to show; nil where the client gave none.
  func bearer(_ credential: SinkCredential?) async throws(SinkTokenFailure) -> String? {
    switch credential {
    case nil: return nil
    case .accessToken(let token, let expiresAt):
      guard time.now() < expiresAt else { throw .expired }
      return token
    case .privateKeyJWT(let clientID, let tokenURI):
      guard let token = await token(Endpoint(clientID: clientID, tokenURI: tokenURI)) else { throw .notIssued }
      return token
    }
  }

  /// The sink refused it: the next one is a new one.
  func reject(_ credential: SinkCredential?) {
    guard case .privateKeyJWT(let clientID, let tokenURI) = credential else { return }
    known.withLock { known in
      let endpoint = Endpoint(clientID: clientID, tokenURI: tokenURI)
      if case .token = known[endpoint] { known[endpoint] = nil }
    }
  }

  private func token(_ endpoint: Endpoint) async -> String? {
    switch step(endpoint) {
    case .settled(let token): return token
    case .wait: return await waited(endpoint)
    case .ask: break
    }
    let issued = await issued(endpoint)
    let now = time.now()
    let waiting = known.withLock { known in
      defer {
        known[endpoint] =
          issued.map { .token($0.token, until: now.adding(seconds: $0.seconds)) }
          ?? .failed(until: now.adding(seconds: Self.failedSeconds))
      }
      guard case .asked(let waiting) = known[endpoint] else { return [CheckedContinuation<String?, Never>]() }
      return waiting
    }
    for continuation in waiting { continuation.resume(returning: issued?.token) }
    return issued?.token
  }

  /// Decides, and for `ask` takes the question upon the caller, in one go.
  private func step(_ endpoint: Endpoint) -> Step {
    let now = time.now()
    return known.withLock { known in
      switch known[endpoint] {
      case .token(let token, let until) where now < until: return .settled(token)
      case .failed(let until) where now < until: return .settled(nil)
      case .asked: return .wait
      default:
        if known.count >= Self.rememberedMaximum { Self.forget(&known) }
        known[endpoint] = .asked([])
        return .ask
      }
    }
  }

  private func waited(_ endpoint: Endpoint) async -> String? {
    await withCheckedContinuation { continuation in
      let isLate = known.withLock { known -> String?? in
        switch known[endpoint] {
        case .asked(let waiting):
          known[endpoint] = .asked(waiting + [continuation])
          return nil
        case .token(let token, _): return .some(token)
        default: return .some(nil)
        }
      }
      if let isLate { continuation.resume(returning: isLate) }
    }
  }

  /// What nobody waits for.
  private static func forget(_ known: inout [Endpoint: Known]) {
    known = known.filter { if case .asked = $0.value { true } else { false } }
  }

  // MARK: Asking

  private func issued(_ endpoint: Endpoint) async -> (token: String, seconds: Int64)? {
    guard let address = WebAddress(endpoint.tokenURI), let assertion = assertion(endpoint) else { return nil }
    let form =
      "grant_type=client_credentials"
      + "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=\(assertion)"
    do throws(WebFailure) {
      let answer = try await client.send(
        "POST", to: address,
        fields: [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")], body: Array(form.utf8),
        timeoutMilliseconds: timeoutMilliseconds)
      return Self.token(answer)
    } catch { return nil }
  }

  private func assertion(_ endpoint: Endpoint) -> String? {
    let now = time.now()
    var claims = JSONWriter()
    claims.beginObject()
    claims.field("iss", endpoint.clientID)
    claims.field("sub", endpoint.clientID)
    claims.field("aud", endpoint.tokenURI)
    claims.field("iat", Int(now.seconds))
    claims.field("exp", Int(now.seconds + Self.assertionSeconds))
    claims.field("jti", Random.uuid())
    claims.endObject()
    // `typ` keeps it from ever being taken for one of the gateway's access tokens (RFC 8725 §3.11).
    return try? JWTBuilder.sign(payload: claims.bytes, typ: "JWT", key: keys.current)
  }

  /// RFC 6749 §5.1. What cannot stand in a field of a header is no token.
  private static func token(_ answer: HTTPResponse) -> (token: String, seconds: Int64)? {
    guard answer.status == 200, let root = try? JSONDocument(answer.body).root, let token = root["access_token"]?.string,
      root["token_type"]?.string?.lowercased() == "bearer", isToken(token)
    else { return nil }
    let lifetime = min(max(0, root["expires_in"]?.integer ?? lifetimeSecondsDefault), lifetimeSecondsMaximum)
    return (token, max(1, Int64(lifetime) - marginSeconds))
  }

  /// RFC 6750 §2.1.
  static func isToken(_ text: String) -> Bool {
    let body = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }
    return !body.isEmpty && text.utf8.count <= tokenBytesMaximum
      && body.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || "-._~+/".utf8.contains($0)
      }
  }
}

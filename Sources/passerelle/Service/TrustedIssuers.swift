import Bytes
import Gateway
import JOSE
import Wire

extension Configuration.TrustedIssuer {
  /// The issuer as the gateway takes it, with its way to keys or answers.
  ///
  /// - Parameter keySets: by address; one that was known before is still known.
  /// - Throws: `KeyFileError` when a key or secret cannot be read, or can be read by others.
  func made(
    _ outbound: Outbound, _ time: any TimeSource, _ keySets: Kept<WebAddress, RemoteKeySet>
  ) throws -> Gateway.TrustedIssuer {
    var made = Gateway.TrustedIssuer(
      issuer: issuer, audience: audience, verification: try verification.made(outbound, time, keySets))
    if let types { made.types = types }
    made.claims = claims
    made.clients = clients
    made.introspectedSeconds = introspectedSeconds
    return made
  }
}

extension Configuration.TrustedIssuer.Verification {
  fileprivate func made(
    _ outbound: Outbound, _ time: any TimeSource, _ keySets: Kept<WebAddress, RemoteKeySet>
  ) throws -> Gateway.TrustedIssuer.Verification {
    switch self {
    case .keys(let address):
      let keySet = keySets.value(address) {
        RemoteKeySet(time: time) { try await outbound.get(address, answerBytesMaximum: RemoteKeySet.documentBytesMaximum) }
      }
      return .keys(keySet)
    case .introspection(let introspection):
      let client = try IntrospectionClient(introspection, outbound, time)
      return .introspection { try await client.ask($0) }
    }
  }
}

/// Asks another server about its tokens (RFC 7662 §2.1).
private struct IntrospectionClient: Sendable {
  private enum Credential: Sendable {
    case key(SigningKey)
    case secret(String)
  }

  private let introspection: Configuration.TrustedIssuer.Introspection
  private let credential: Credential
  private let outbound: Outbound
  private let time: any TimeSource

  init(_ introspection: Configuration.TrustedIssuer.Introspection, _ outbound: Outbound, _ time: any TimeSource) throws {
    self.introspection = introspection
    self.outbound = outbound
    self.time = time
    if let file = introspection.keyFile {
      credential = .key(try SigningKey.load(file: file))
    } else {
      let file = introspection.secretFile ?? ""
      credential = .secret(String(decoding: try KeyFile.read(file), as: UTF8.self).trimmed)
    }
  }

  func ask(_ token: String) async throws -> [UInt8] {
    var form = [("token", token), ("token_type_hint", "access_token")]
    var fields = [
      (name: "content-type", value: "application/x-www-form-urlencoded"), (name: "accept", value: "application/json"),
    ]
    switch credential {
    case .key(let key):
      form.append(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
      form.append(("client_assertion", try assertion(key)))
    case .secret(let secret):
      // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
      let pair = Command.encode(introspection.clientID) + ":" + Command.encode(secret)
      fields.append((name: "authorization", value: "Basic " + Self.base64(pair)))
    }
    let body = form.map { Command.encode($0.0) + "=" + Command.encode($0.1) }.joined(separator: "&")
    let answer = try await outbound.web.send(
      "POST", to: introspection.address, fields: fields, body: Array(body.utf8), timeoutSeconds: 5,
      answerBytesMaximum: 65_536, rule: .any)
    guard answer.status == 200 else { throw WebFailure.broken }
    return answer.body
  }

  /// The alphabet of RFC 4648 §4, padded, which is what HTTP wants here.
  private static func base64(_ text: String) -> String {
    let unpadded = Base64URL.encode(Array(text.utf8)).map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
    return String(unpadded) + String(repeating: "=", count: (4 - unpadded.count % 4) % 4)
  }

  private func assertion(_ key: SigningKey) throws -> String {
    let now = Int(time.now().seconds)
    var claims = JSONWriter()
    claims.beginObject()
    claims.field("iss", introspection.clientID)
    claims.field("sub", introspection.clientID)
    claims.field("aud", introspection.address.description)
    claims.field("iat", now)
    claims.field("exp", now + 60)
    claims.field("jti", Random.token(byteCount: 16))
    claims.endObject()
    return try JWTBuilder.sign(payload: claims.bytes, typ: "JWT", key: key)
  }
}

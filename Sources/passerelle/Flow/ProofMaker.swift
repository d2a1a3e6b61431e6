import Bytes
import JOSE
import Wire

/// Makes DPoP proofs (RFC 9449 §4.2) with a key of its own, ES256, that is forgotten with the command.
final class ProofMaker {
  private let key: SigningKey
  private let time: any TimeSource
  /// What each server wants to see in the next proof (RFC 9449 §8), by origin.
  private var nonces: [String: String] = [:]

  init(time: any TimeSource) throws(JOSEError) {
    key = try SigningKey.generate(.es256)
    self.time = time
  }

  /// What `cnf.jkt` of a token bound to the key says.
  var thumbprint: String { key.kid }

  /// A proof for one request.
  ///
  /// - Parameter accessToken: the token that the request comes with; then it is a call to an API, and the proof covers its body
  ///   and its query too (profile item 5).
  func proof(for request: FlowRequest, accessToken: String? = nil) throws(JOSEError) -> String {
    var claims = JSONWriter()
    claims.beginObject()
    claims.field("jti", Random.token(byteCount: 16))
    claims.field("htm", request.method)
    claims.field("htu", request.address.origin + request.address.path)
    claims.field("iat", Int(time.now().seconds))
    if let nonce = nonces[request.address.origin] { claims.field("nonce", nonce) }
    if let accessToken {
      claims.field("ath", SHA256.digest(Array(accessToken.utf8)).base64url)
      if !request.body.isEmpty { claims.field("camara:bh", SHA256.digest(request.body).base64url) }
      if let query = request.address.query { claims.field("camara:qh", SHA256.digest(Array(query.utf8)).base64url) }
    }
    claims.endObject()
    return try JWTBuilder.sign(payload: claims.bytes, typ: "dpop+jwt", key: key, named: .publicKey)
  }

  /// True when the server wants the same request again with the nonce that it has given (RFC 9449 §8 and §9).
  func wantsAgain(_ response: HTTPResponse, of address: WebAddress) -> Bool {
    guard let nonce = response.field("dpop-nonce"), nonces[address.origin] != nonce else { return false }
    nonces[address.origin] = nonce
    let code = (try? JSONDocument(response.body))?.root["error"]?.string
    return [400, 401].contains(response.status)
      && (code == "use_dpop_nonce" || response.field("www-authenticate")?.contains("use_dpop_nonce") == true)
  }
}

import Bytes
import Store

/// `iss`, `aud`, `iat`, `exp` and `jti` of a request object (profile items 13 to 15; CIBA Core §7.1.1 adds `nbf`; A40).
enum RequestObjectClaims {
  static func examine(_ claims: JSONValue, _ examination: Examination) throws(Refusal) {
    func refuse(_ what: String) -> Refusal { Refusal(.invalidRequestObject, "\(what) of the request object") }
    guard let times = try? AssertionTimeClaims(claims) else { throw refuse("a time has the wrong type: exp, iat or nbf") }
    let now = examination.now.seconds
    guard claims["iss"]?.string == examination.client.id.rawValue else { throw refuse("wrong or missing iss") }
    // With a subject that is the client it would pass for a client assertion, here or elsewhere (profile item 15).
    guard claims["sub"]?.string != examination.client.id.rawValue else { throw refuse("the client may not be the sub") }
    guard let audience = AssertionClaims.audience(claims["aud"]), audience.count == 1,
      examination.settings.requestAudiences(of: examination.flow).contains(audience[0])
    else { throw refuse("wrong or missing aud") }
    guard let jti = claims["jti"]?.string, (1...256).contains(jti.utf8.count) else { throw refuse("wrong or missing jti") }
    guard let issued = times.issuedAt, issued <= now else { throw refuse("missing or future iat") }
    guard let expiry = times.expiresAt, expiry > now else { throw refuse("missing or past exp") }
    guard expiry - issued <= RequestObject.lifetimeSecondsMaximum else { throw refuse("more than 300 s between iat and exp") }
    guard times.notBefore ?? now <= now else { throw refuse("future nbf") }
    guard examination.flow != .backchannel || times.notBefore != nil else { throw refuse("missing nbf") }
  }
}

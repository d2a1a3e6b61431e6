/// The certificate that the client has shown on this very connection, when its registration says that its tokens are bound to it (RFC 8705
/// §3). Others' certificates are not looked at. No field of the request can stand in its place (A27).
enum BoundCertificate {
  static func examine(_ examination: Examination) throws(Refusal) -> String? {
    guard examination.client.certificateBoundAccessTokens else { return nil }
    guard let certificate = examination.request.clientCertificate else {
      throw Refusal(.invalidRequest, "a client certificate is required")
    }
    return certificate
  }
}

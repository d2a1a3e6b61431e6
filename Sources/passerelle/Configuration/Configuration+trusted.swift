import Bytes
import Gateway
import Identifiers
import Wire

extension Configuration {
  /// Another authorization server whose access tokens are accepted.
  struct TrustedIssuer: Sendable {
    var issuer: String
    var audience: String
    var verification: Verification
    var types: Set<String>?
    var claims = Gateway.TrustedIssuer.ClaimNames()
    var clients: [String: ClientID] = [:]
    var introspectedSeconds = 10

    enum Verification: Sendable {
      case keys(WebAddress)
      case introspection(Introspection)
    }

    /// How the gateway shows who it is at an introspection endpoint.
    struct Introspection: Sendable {
      var address: WebAddress
      var clientID: String
      /// A private key for private_key_jwt, or a file with a secret for client_secret_basic.
      var keyFile: String?
      var secretFile: String?
    }
  }

  static func trustedIssuers(_ reader: inout ObjectReader, folder: String) throws(DocumentError) -> [TrustedIssuer] {
    var issuers: [TrustedIssuer] = []
    for element in try reader.optionalArray("trustedIssuers") ?? [] {
      let issuer = try TrustedIssuer(element, folder: folder)
      guard !issuers.contains(where: { $0.issuer == issuer.issuer }) else {
        throw element.error("the issuer \(issuer.issuer) stands there twice")
      }
      issuers.append(issuer)
    }
    return issuers
  }
}

extension Configuration.TrustedIssuer {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    issuer = try reader.string("issuer")
    audience = try reader.string("audience")
    verification = try Self.verification(&reader, value, folder)
    if let names = try reader.optionalStrings("types") { types = Set(names.map { $0.lowercased() }) }
    if let element = reader.value("claims") { claims = try Self.claims(element) }
    if let element = reader.value("clients") {
      for member in element.keys {
        guard let client = member.value.string.flatMap(ClientID.init(rawValue:)) else {
          throw member.value.error("clients wants the issuer's name of a client to the client_id here")
        }
        clients[member.name] = client
      }
    }
    introspectedSeconds = try reader.optionalInteger("introspectedSeconds", in: 0...3600) ?? introspectedSeconds
    try reader.finish()
  }

  private static func verification(
    _ reader: inout ObjectReader, _ value: JSONValue, _ folder: String
  ) throws(DocumentError) -> Verification {
    let keys = try reader.optionalConfidentialAddress("jwksUri", of: value)
    guard let element = reader.value("introspection") else {
      guard let keys else { throw value.error("a trusted issuer wants jwksUri or introspection") }
      return .keys(keys)
    }
    guard keys == nil else { throw value.error("jwksUri and introspection stand for one another: give one") }
    var inner = try ObjectReader(element)
    let address = try inner.confidentialAddress("url", of: element)
    let introspection = Introspection(
      address: address, clientID: try inner.string("clientId"),
      keyFile: try inner.optionalString("keyFile").map { Files.path($0, in: folder) },
      secretFile: try inner.optionalString("secretFile").map { Files.path($0, in: folder) })
    guard (introspection.keyFile == nil) != (introspection.secretFile == nil) else {
      throw element.error("introspection wants a keyFile or a secretFile, one of the two")
    }
    try inner.finish()
    return .introspection(introspection)
  }

  private static func claims(_ value: JSONValue) throws(DocumentError) -> Gateway.TrustedIssuer.ClaimNames {
    var reader = try ObjectReader(value)
    var names = Gateway.TrustedIssuer.ClaimNames()
    names.client = try reader.optionalString("client") ?? names.client
    names.scope = try reader.optionalString("scope") ?? names.scope
    names.purpose = try reader.optionalString("purpose") ?? names.purpose
    names.subscriber = try reader.optionalString("subscriber") ?? names.subscriber
    try reader.finish()
    return names
  }
}

import Bytes

/// The header fields that are looked for by name, so that one comparison at parsing serves all later look-ups.
public enum KnownField: UInt8, CaseIterable, Sendable {
  case host, contentLength, transferEncoding, connection, contentType, contentEncoding, accept, acceptLanguage
  case authorization, dpop, xCorrelator, traceparent, tracestate, cookie, origin, referer, forwarded, xForwardedFor
  case expect, upgrade, te, trailer, userAgent, secFetchSite, location, keepAlive, proxyAuthorization, proxyConnection

  /// In lower case.
  var name: StaticString {
    switch self {
    case .host: "host"
    case .contentLength: "content-length"
    case .transferEncoding: "transfer-encoding"
    case .connection: "connection"
    case .contentType: "content-type"
    case .contentEncoding: "content-encoding"
    case .accept: "accept"
    case .acceptLanguage: "accept-language"
    case .authorization: "authorization"
    case .dpop: "dpop"
    case .xCorrelator: "x-correlator"
    case .traceparent: "traceparent"
    case .tracestate: "tracestate"
    case .cookie: "cookie"
    case .origin: "origin"
    case .referer: "referer"
    case .forwarded: "forwarded"
    case .xForwardedFor: "x-forwarded-for"
    case .expect: "expect"
    case .upgrade: "upgrade"
    case .te: "te"
    case .trailer: "trailer"
    case .userAgent: "user-agent"
    case .secFetchSite: "sec-fetch-site"
    case .location: "location"
    case .keepAlive: "keep-alive"
    case .proxyAuthorization: "proxy-authorization"
    case .proxyConnection: "proxy-connection"
    }
  }

  /// By the length of the name: few candidates each.
  private static let byLength: [[KnownField]] = {
    var table: [[KnownField]] = Array(repeating: [], count: 32)
    for field in allCases { table[field.name.utf8CodeUnitCount].append(field) }
    return table
  }()

  /// The field with this name in any case of letters.
  static func named(_ name: Span<UInt8>) -> KnownField? {
    guard name.count < byLength.count else { return nil }
    for field in byLength[name.count] where name.equalsIgnoringASCIICase(field.name) { return field }
    return nil
  }
}

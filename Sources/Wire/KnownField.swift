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

  /// The field with this name in any case of letters.
  static func named(_ name: Span<UInt8>) -> KnownField? {
    // By length: few candidates each, and no table that would have to be made first. A test holds it against `allCases`.
    switch name.count {
    case 2: first(.te, in: name)
    case 4: first(.host, .dpop, in: name)
    case 6: first(.accept, .cookie, .origin, .expect, in: name)
    case 7: first(.referer, .upgrade, .trailer, in: name)
    case 8: first(.location, in: name)
    case 9: first(.forwarded, in: name)
    case 10: first(.connection, .tracestate, .userAgent, .keepAlive, in: name)
    case 11: first(.traceparent, in: name)
    case 12: first(.contentType, .xCorrelator, in: name)
    case 13: first(.authorization, in: name)
    case 14: first(.contentLength, .secFetchSite, in: name)
    case 15: first(.acceptLanguage, .xForwardedFor, in: name)
    case 16: first(.contentEncoding, .proxyConnection, in: name)
    case 17: first(.transferEncoding, in: name)
    case 19: first(.proxyAuthorization, in: name)
    default: nil
    }
  }

  private static func first(
    _ one: KnownField, _ two: KnownField? = nil, _ three: KnownField? = nil, _ four: KnownField? = nil,
    in name: Span<UInt8>
  ) -> KnownField? {
    if name.equalsIgnoringASCIICase(one.name) { return one }
    if let two, name.equalsIgnoringASCIICase(two.name) { return two }
    if let three, name.equalsIgnoringASCIICase(three.name) { return three }
    if let four, name.equalsIgnoringASCIICase(four.name) { return four }
    return nil
  }
}

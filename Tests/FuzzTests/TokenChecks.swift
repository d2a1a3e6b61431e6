import Foundation
import ReferenceReaders

@testable import Bytes
@testable import JOSE

/// Tokens and proofs: the compact form, and what is behind a signature that is good.
enum TokenChecks {
  private static let key = try! SigningKey.generate(.edDSA)
  private static let keys = JWKSet(keys: [key.verificationKey])
  private static let honest = Array((try! JWTBuilder.sign(payload: Array(#"{"a":1}"#.utf8), typ: "at+jwt", key: key)).utf8)

  static func check(_ bytes: [UInt8]) throws {
    // A word for a token that the fuzzer could not sign itself: changed, it must not be good any more.
    let token = replaced(bytes, "TOKEN", honest)
    try checkBase64(token)
    let parsed: CompactJWS
    do { parsed = try CompactJWS(parsing: token.span) } catch { return }
    let parts = token.split(separator: 0x2E, omittingEmptySubsequences: false)
    try hold(parts.count == 3 && token.count <= 8192, "a token of other than three parts")
    for part in parts {
      let text = String(decoding: part, as: UTF8.self).replacingOccurrences(of: "-", with: "+").replacingOccurrences(
        of: "_", with: "/")
      let padded = text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
      guard let data = Data(base64Encoded: padded) else { throw Broken(description: "a part that is not base64url") }
      try hold(Base64URL.encode(Array(data)).utf8.elementsEqual(part), "a part has a second spelling")
    }
    guard let header = Base64URL.decode(Array(parts[0]).span), case .object(let members)? = ReferenceJSON.parse(header) else {
      throw Broken(description: "a header that is no object")
    }
    func member(_ name: String) -> ReferenceJSON? { members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }
    try hold(member("alg") == .string(parsed.header.algorithm.rawValue), "another algorithm than the header's")
    try hold(member("kid") == parsed.header.kid.map { .string($0) }, "another kid than the header's")
    try hold(member("typ") == parsed.header.typ.map { .string($0) }, "another typ than the header's")
    try hold(member("crit") == nil && member("b64") == nil, "an extension that is not known")
    let verified = try? parsed.verified { keys.key(kid: $0.kid, algorithm: $0.algorithm) }
    try hold(verified == nil || token == honest, "taken although nobody signed it")
  }

  private static func checkBase64(_ bytes: [UInt8]) throws(Broken) {
    guard let decoded = Base64URL.decode(bytes.span) else { return }
    try hold(Array(Base64URL.encode(decoded).utf8) == bytes, "a text in base64url has a second spelling")
  }

  private static let jwk: [UInt8] = {
    var writer = JSONWriter()
    key.verificationKey.appendBareJWK(to: &writer)
    return writer.bytes
  }()
  private static let url = TargetURI("https://api.example/a/b")!

  /// Header and payload as the holder of a key wrote them, a line each: signed, and read as a proof. `JWK` in the header becomes the key.
  static func checkSigned(_ bytes: [UInt8]) throws {
    let lines = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
    guard lines.count == 2 else { return }
    let (header, payload) = (replaced(Array(lines[0]), "JWK", jwk), Array(lines[1]))
    let input = Base64URL.encode(header) + "." + Base64URL.encode(payload)
    let token = Array((input + "." + Base64URL.encode(try key.sign(Array(input.utf8).span))).utf8)
    guard let proof = try? DPoPProof(verifying: token.span) else { return }
    try hold(proof.thumbprint == key.kid, "the thumbprint is another key's")
    guard case .object(let claims)? = ReferenceJSON.parse(payload) else { throw Broken(description: "claims that are no object") }
    func text(_ name: String) -> String? {
      guard case .string(let text)? = claims.first(where: { $0.name.utf8.elementsEqual(name.utf8) })?.value else { return nil }
      return text
    }
    try hold(text("jti") == proof.jti && text("htm") == proof.htm && text("htu") == proof.htu, "claims are read wrong")
    try hold(text("ath") == proof.ath && text("camara:bh") == proof.bodyHash, "claims are read wrong")
    let query: [UInt8] = Array("a=b".utf8)
    let fault = proof.fault(
      method: Array("POST".utf8).span, url: url, now: Timestamp(seconds: 1500), accessTokenDigest: SHA256.digest([]),
      body: [UInt8]().span, query: query.span, demanded: [.body, .query])
    guard fault == nil else { return }
    let fits = proof.htm == "POST" && (1200...1505).contains(proof.issuedAt) && proof.ath == SHA256.digest([]).base64url
    try hold(fits && proof.queryHash == SHA256.digest(query).base64url, "a proof of another request is taken")
    let htu = proof.htu.lowercased()
    try hold(htu.hasPrefix("https://api.example/") || htu.hasPrefix("https://api.example:"), "a proof for another host is taken")
  }

  private static func replaced(_ bytes: [UInt8], _ word: String, _ replacement: [UInt8]) -> [UInt8] {
    let word = Array(word.utf8)
    guard bytes.count >= word.count,
      let start = (0...bytes.count - word.count).first(where: { bytes[$0..<$0 + word.count].elementsEqual(word) })
    else { return bytes }
    return Array(bytes[..<start]) + replacement + Array(bytes[(start + word.count)...])
  }
}

import Bytes
import Testing

@testable import JOSE

@Suite struct DPoPFuzzTests {
  private static func isTaken(_ bytes: [UInt8]) -> Bool { (try? DPoPProof(verifying: bytes.span)) != nil }

  private static func honest() throws -> [[UInt8]] {
    let made = try SignatureAlgorithm.allCases.map { try Prover($0).proof() }
    return ([DPoPExamples.tokenRequest, DPoPExamples.resourceRequest] + made).map { Array($0.utf8) }
  }

  /// Changed on the wire: no change to any byte goes unnoticed, and none is fatal.
  @Test func noChangedProofIsTaken() throws {
    var generator = SystemRandomNumberGenerator()
    let honest = try Self.honest()
    for _ in 0..<10_000 {
      var bytes = honest.randomElement(using: &generator)!
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0...bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        case 1 where place < bytes.count: bytes.remove(at: place)
        case 2 where place < bytes.count: bytes[place] = Array("ABCxyz019-_.=".utf8).randomElement(using: &generator)!
        default:
          let other = honest.randomElement(using: &generator)!
          bytes = Array(bytes.prefix(place)) + Array(other.dropFirst(place))
        }
      }
      if Self.isTaken(bytes), !honest.contains(bytes) { Issue.record("taken: \(String(decoding: bytes, as: UTF8.self))") }
    }
  }

  /// Changed before it is signed: whatever a client that holds a key writes, reading it ends.
  @Test func whateverIsSignedIsReadOrRefused() throws {
    var generator = SystemRandomNumberGenerator()
    let key = try SigningKey.generate(.edDSA)
    let prover = Prover(key)
    let header = Array("{\"typ\":\"dpop+jwt\",\"alg\":\"EdDSA\",\"jwk\":\(prover.jwk)}".utf8)
    let payload = Array(#"{"jti":"a","htm":"GET","htu":"https://a.example:443/b?c","iat":1.5e3,"ath":"x","camara:bh":""}"#.utf8)
    for _ in 0..<3000 {
      let (header, payload) = (Self.changed(header, &generator), Self.changed(payload, &generator))
      let input = Base64URL.encode(header) + "." + Base64URL.encode(payload)
      guard let proof = try? dpop(input + "." + Base64URL.encode(try key.sign(input))) else { continue }
      #expect(proof.thumbprint == key.kid)
      _ = proof.fault("GET", "https://a.example/b", at: 1500, token: "t", body: "b", query: "q")
    }
  }

  private static func changed(_ bytes: [UInt8], _ generator: inout SystemRandomNumberGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 0...2, using: &generator) {
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<3, using: &generator) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes.remove(at: place)
      default: bytes.insert(Array("\"\\{}[]:,0-e.".utf8).randomElement(using: &generator)!, at: place)
      }
    }
    return bytes
  }

  @Test func nothingStaysInTheErrorQueueOfOpenSSL() throws {
    for bytes in try Self.honest() {
      var broken = bytes
      broken[broken.count - 9] ^= 1
      _ = Self.isTaken(broken)
    }
    #expect(pendingOpenSSLError() == 0)
  }
}

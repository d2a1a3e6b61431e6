import Bytes
import Testing

@testable import JOSE

@Suite struct TokenFuzzTests {
  private static func keys() throws -> JWKSet {
    JWKSet(
      keys: try [Examples.rsa, Examples.ec, Examples.ed25519, Examples.pss, Examples.ec384].map(verificationKey))
  }

  private static func isTaken(_ bytes: [UInt8], _ keys: JWKSet) -> Bool {
    (try? CompactJWS(parsing: bytes.span).verified { keys.key(kid: $0.kid, algorithm: $0.algorithm) }) != nil
  }

  @Test func theFilesOfTheCorpusAreTakenOrRefusedAsTheirNamesSay() throws {
    let (files, keys) = (corpus("jwt"), try Self.keys())
    #expect(files.count >= 30)
    for (name, bytes) in files { #expect(Self.isTaken(bytes, keys) == name.hasPrefix("accept-"), "\(name)") }
  }

  /// A signed token is good as it is and in no other way: any change to any byte is found.
  @Test func noChangedTokenIsTaken() throws {
    var generator = SystemRandomNumberGenerator()
    let keys = try Self.keys()
    let honest = corpus("jwt").filter { $0.name.hasPrefix("accept-") }.map(\.bytes)
    let all = corpus("jwt").map(\.bytes).filter { $0.count < 2000 }
    for _ in 0..<10_000 {
      var bytes = all.randomElement(using: &generator)!
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0...bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        case 1 where place < bytes.count: bytes.remove(at: place)
        case 2 where place < bytes.count: bytes[place] = Array("ABCxyz019-_.=".utf8).randomElement(using: &generator)!
        default:
          let other = all.randomElement(using: &generator)!
          bytes = Array(bytes.prefix(place)) + Array(other.dropFirst(place))
        }
      }
      if Self.isTaken(bytes, keys), !honest.contains(bytes) { Issue.record("taken: \(String(decoding: bytes, as: UTF8.self))") }
    }
  }

  @Test func randomBytesAreRefused() throws {
    var generator = SystemRandomNumberGenerator()
    let keys = try Self.keys()
    for _ in 0..<10_000 {
      let bytes = (0..<Int.random(in: 0..<60, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
      if Self.isTaken(bytes, keys) { Issue.record("taken: \(Hex.encode(bytes))") }
    }
  }
}

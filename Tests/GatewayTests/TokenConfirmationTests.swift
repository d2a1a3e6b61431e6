import Bytes
import Testing

@testable import Gateway

/// What a token says that it is bound to: understood, or the token is none.
@Suite struct TokenConfirmationTests {
  private static let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

  private func confirmation(_ text: String) throws -> TokenConfirmation? {
    TokenConfirmation(try JSONDocument(Array(text.utf8)).root["cnf"])
  }

  @Test func keyCertificateBothOrNothing() throws {
    let hash = Self.hash
    #expect(try confirmation("{}") == TokenConfirmation.none)
    let key = try #require(try confirmation(#"{"cnf":{"jkt":"\#(hash)"}}"#))
    #expect(key.keyThumbprint == hash && key.certificateThumbprint == nil)
    let certificate = try #require(try confirmation(#"{"cnf":{"x5t#S256":"\#(hash)"}}"#))
    #expect(certificate.keyThumbprint == nil && certificate.certificateThumbprint == hash)
    let both = try #require(try confirmation(#"{"cnf":{"jkt":"\#(hash)","x5t#S256":"\#(hash)"}}"#))
    #expect(both.keyThumbprint == hash && both.certificateThumbprint == hash)
  }

  @Test(arguments: [
    #"{}"#, #"null"#, #""text""#, #"{"kid":"1"}"#, #"{"x5t":"\#(hash)"}"#, #"{"x5t#S256":1}"#, #"{"x5t#S256":""}"#,
    #"{"x5t#S256":"\#(hash)A"}"#, #"{"jkt":"\#(hash)","x5t#S256":"short"}"#, #"{"jkt":null,"x5t#S256":"\#(hash)"}"#,
  ])
  func whatIsNotUnderstoodIsNoBearerToken(_ cnf: String) throws {
    #expect(try confirmation(#"{"cnf":\#(cnf)}"#) == nil)
  }
}

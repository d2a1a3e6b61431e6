import Bytes
import Testing

@testable import Pages

@Suite("What is published")
struct PublicationTests {
  @Test(
    "who asks as browsers do gets a page, everybody else the document",
    arguments: [
      ("", false), ("*/*", false), ("application/json", false),
      ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
      ("text/html;q=0.5, application/json", false), ("application/json;q=0.5, text/html", true), ("text/html;q=0", false),
      ("TEXT/HTML", true), ("text/html; q=x", false),
    ])
  func negotiation(_ accept: String, _ isPage: Bool) { #expect(Publication.prefersPage(accept) == isPage) }

  @Test(arguments: [
    ("sessionId", "SESSION_ID"), ("id", "ID"), ("payment-id", "PAYMENT_ID"), ("x.y", "X_Y"), ("IMEI", "I_M_E_I"),
  ])
  func placeholders(_ name: String, _ expected: String) { #expect(CurlExample.placeholder(name) == expected) }

  @Test(
    "whatever a text holds, it is one word of the shell",
    arguments: [
      ("a b", "'a b'"), ("it's", #"'it'\''s'"#), ("$(id)`id`", "'$(id)`id`'"), ("", "''"),
    ])
  func quoting(_ text: String, _ expected: String) { #expect(CurlExample.quoted(text) == expected) }
}

import Foundation
import Testing

@testable import Pages

@Suite("Templates")
struct TemplateTests {
  @Test("text is escaped, markup is not, and a value is never read as a template")
  func escaping() {
    let inner = Template(Array("<b>{{name}}</b>\n".utf8)).render(["name": .text(#"<&>"'{{name}}"#)])
    #expect(inner.html == "<b>&lt;&amp;&gt;&quot;&#39;{{name}}</b>")
    let outer = Template(Array(#"<p title="{{title}}">{{body}}{{body}}</p>"#.utf8))
    #expect(
      outer.render(["title": .text("\""), "body": .markup(inner)]).html == #"<p title="&quot;">\#(inner.html)\#(inner.html)</p>"#)
    #expect(outer.slots == ["title", "body"])
  }

  @Test("control characters are shown as unknown ones; line feeds stay")
  func control() {
    #expect(Template.escape("a\u{0}b\u{1B}[31m\u{7F}\u{85}\r\nc") == "a\u{FFFD}b\u{FFFD}[31m\u{FFFD}\u{FFFD}\u{FFFD}\nc")
  }

  @Test("the files hold no script, no inline style and no address of another server")
  func files() {
    let files: [[UInt8]] = [
      PackageResources.page_html, PackageResources.consent_html, PackageResources.statement_html, PackageResources.category_html,
      PackageResources.asker_link_html, PackageResources.asker_text_html, PackageResources.notice_html,
      PackageResources.subscriber_html, PackageResources.sim_html, PackageResources.message_html, PackageResources.start_html,
      PackageResources.start_api_html, PackageResources.start_document_html, PackageResources.style_css,
      PackageResources.apis_html, PackageResources.apis_row_html, PackageResources.api_html, PackageResources.api_operation_html,
      PackageResources.api_code_html, PackageResources.api_link_html, PackageResources.api_unknown_html,
    ]
    for file in files {
      let text = String(decoding: file, as: UTF8.self).lowercased()
      for word in ["<script", "style=", "<style", "javascript:", "http:", "https:", " on", "@import", "url("]
      where text.contains(word) {
        // " on" finds event handlers; prose in comments of the style sheet may have it too.
        #expect(word == " on" && text.firstMatch(of: /\son[a-z]+=/) == nil, "\(word)")
      }
    }
  }
}

@Suite("Texts and languages")
struct TextsTests {
  @Test(
    "days are written as people write them",
    arguments: [
      ("en", "1 November 2027", "2 July 2027"), ("fr", "1er\u{A0}novembre 2027", "2\u{A0}juillet 2027"),
      ("es", "1\u{A0}de noviembre de 2027", "2\u{A0}de julio de 2027"), ("de", "1.\u{A0}November 2027", "2.\u{A0}Juli 2027"),
    ])
  func days(_ language: String, _ first: String, _ second: String) {
    let texts = Texts.choose([language])
    #expect(texts.day(.init(rfc3339: "2027-11-01T00:00:00Z")!) == first)
    #expect(texts.day(.init(rfc3339: "2027-07-02T23:59:59Z")!) == second)
  }

  @Test(
    "the first wish that we speak is taken, English otherwise",
    arguments: [
      (["fr"], "fr"), (["fr-CA"], "fr"), (["FR"], "fr"), (["it", "fr"], "fr"), (["it"], "en"), ([], "en"), (["en", "fr"], "en"),
      (["french"], "en"), (["es-MX"], "es"), (["de-AT", "en"], "de"),
    ])
  func choice(_ wishes: [String], _ language: String) { #expect(Texts.choose(wishes).language == language) }

  @Test(
    "Accept-Language is read by weight",
    arguments: [
      ("fr", ["fr"]), ("en;q=0.5, fr", ["fr", "en"]), ("de, en;q=0.8, fr;q=0.9", ["de", "fr", "en"]), ("fr;q=0", []),
      ("", []), (",,;q=1", []), ("fr;q=x", ["fr"]), ("fr ; q=0.1 , en ; q=0.2", ["en", "fr"]), ("fr;q=2", []),
    ])
  func acceptLanguage(_ field: String, _ expected: [String]) { #expect(LanguageChoice.accepting(field) == expected) }

  @Test("the request's language comes before the client's, the client's before the browser's")
  func precedence() async throws {
    let site = try await TestSite { $0.languages = ["fr"] }
    let plain = try await site.visit()
    #expect(await plain.get(nil, [("accept-language", "en")]).text.contains(#"<html lang="fr">"#))
    let wished = try await site.visit(number: TestSite.number, state: "s", [("ui_locales", "it en-GB")])
    #expect(await wished.get(nil, [("accept-language", "fr")]).text.contains(#"<html lang="en">"#))
  }
}

@Suite("Where a form may lead")
struct FormTargetTests {
  @Test(
    "the origin of the redirect URI, or its scheme where CSP has no better word",
    arguments: [
      ("https://app.example/cb", "https://app.example"), ("https://app.example:8443/cb?x=1", "https://app.example:8443"),
      ("http://127.0.0.1:9000/cb", "http://127.0.0.1:9000"), ("http://[::1]:9000/cb", "http:"),
      ("com.example.app:/cb", "com.example.app:"), ("https://app.example", "https://app.example"),
      ("https://app.example;script-src *", "https:"), ("x y:/", nil), ("nothing", nil), (";:/", nil),
    ] as [(String, String?)])
  func source(_ uri: String, _ expected: String?) { #expect(FormTarget.source(of: uri) == expected) }
}

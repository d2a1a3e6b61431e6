import Authorization
import Bytes
import Foundation
import Identifiers
import JOSE
import Policy
import Store
import Testing
import Wire

@testable import Pages

@Suite("The consent page")
struct ConsentPageTests {
  @Test("says who asks, what for, which data, for how long and how to withdraw, and offers two answers")
  func content() async throws {
    let site = try await TestSite { $0.clientURI = "https://bank.example/about" }
    let visitor = try await site.visit()
    let page = await visitor.get()
    #expect(page.status == 200)
    let purpose = try #require(site.site.catalogue.purpose(TestSite.purpose))
    for part in [
      "Example Bank asks for data about your phone line", #"<a href="https://bank.example/about""#, "bank.example",
      purpose.title.text(["en"]), purpose.description.text(["en"]), "Until 1 November 2027",
      "You can withdraw your consent at any time",
      "Telco", "+33*****78", #"<html lang="en">"#, #"<button name="decision" value="allow">"#,
      #"<button name="decision" value="deny">"#,
    ] {
      #expect(page.text.contains(Template.escape(part)) || page.text.contains(part), "\(part)")
    }
    #expect(!page.text.contains("<script") && !page.text.contains("612345678"))
  }

  @Test(
    "says that access goes on when the subscriber is away, where the client asks for that and may have it",
    arguments: Texts.all.map(\.language))
  func offline(_ language: String) async throws {
    func page(asking scopes: String, mayRefresh: Bool) async throws -> String {
      let site = try await TestSite {
        $0.languages = [language]
        $0.scopes = $0.scopes.union([.offlineAccess])
        if mayRefresh { $0.grantTypes.append("refresh_token") }
      }
      return try await site.visit(scope: scopes).get().text
    }
    let texts = Texts.choose([language])
    let sentence = Template.escape(texts(.offline, ["client": "Example Bank"]))
    let asked = "openid dpv:FraudPreventionAndDetection device-identifier:retrieve-identifier"
    #expect(try await page(asking: asked + " offline_access", mayRefresh: true).contains(sentence))
    #expect(try await !page(asking: asked + " offline_access", mayRefresh: false).contains(sentence))
    #expect(try await !page(asking: asked, mayRefresh: true).contains(sentence))
  }

  @Test("offers exactly the categories of what was asked for, each ticked and with what its absence costs")
  func categories() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    let page = await visitor.get()
    let catalogue = site.site.catalogue
    let asked = ["device-identifier:retrieve-identifier", "device-identifier:retrieve-type"].map { Scope(rawValue: $0)! }
    let mask = asked.flatMap { catalogue.operations($0) }.reduce(FieldMask(0)) {
      $0 | $1.requiredCategories | $1.optionalCategories
    }
    let expected = catalogue.categories.filter { mask & $0.mask != 0 }.map(\.id.rawValue)
    #expect(page.categories == expected && !expected.isEmpty)
    #expect(page.text.matches(of: /type="checkbox"[^>]* checked>/).count == expected.count)
    #expect(page.text.matches(of: /<p class="cost">[^<]+<\/p>/).count == expected.count)
    for id in expected { #expect(page.text.contains(#"<label for="category-\#(id)">"#)) }
  }

  @Test("allowing it leads back to the client with a code, and what was shown is in the consent's history")
  func allow() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit(state: #"<s>"&'"#)
    let page = await visitor.get()
    let answer = await visitor.post("/consent", visitor.form(page, decision: "allow"), [("origin", TestSite.issuer)])
    #expect(answer.status == 302)
    #expect(answer.location?.hasPrefix(TestSite.redirectURI + "&code=") == true)
    #expect(answer.location?.contains("state=%3Cs%3E%22%26%27") == true)

    let subject = try #require(try site.stores.subjects.pseudonym(of: TestSite.number))
    let row = try #require(
      try site.stores.consents.record(subject: subject, client: ClientID(rawValue: "bank")!, purpose: TestSite.purpose))
    let event = try #require(try site.stores.consents.events(of: row.id).last)
    #expect(event.pageVersion == ConsentStatement.version && event.language == "en")
    #expect(event.textDigest?.count == 64 && Set(row.categories.map(\.rawValue)) == Set(page.categories))
  }

  @Test("the digest is of what was on the page: the same again for the same, another in another language")
  func digest() async throws {
    let site = try await TestSite()
    func mark(_ language: String) async throws -> String {
      let visitor = try await site.visit()
      return await visitor.get(nil, [("accept-language", language)]).hiddenFields.first { $0.0 == "page" }?.1 ?? ""
    }
    let (english, again) = (try await mark("en"), try await mark("en"))
    #expect(english == again && english.hasPrefix("\(ConsentStatement.version).en."))
    var digests = Set([english.dropFirst(5)])
    for language in ["fr", "es", "de"] {
      let other = try await mark(language)
      #expect(other.hasPrefix("\(ConsentStatement.version).\(language).") && digests.insert(other.dropFirst(5)).inserted)
    }
  }

  @Test("denying it leads back with access_denied")
  func deny() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    let answer = await visitor.post("/consent", visitor.form(await visitor.get(), decision: "deny"))
    #expect(answer.status == 302 && answer.location?.contains("error=access_denied") == true)
    #expect(answer.location?.contains("code=") == false)
  }

  @Test("a form with the handle, the ticks and the decision alone is enough")
  func minimalForm() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    let page = await visitor.get()
    let form = visitor.form(page, decision: "allow").filter { $0.0 != "page" }
    #expect(await visitor.post("/consent", form).location?.contains("code=") == true)
  }

  @Test("the first answer counts: a second click, another answer and the back button change nothing (A39)")
  func twice() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    let page = await visitor.get()
    #expect(await visitor.post("/consent", visitor.form(page, decision: "allow")).status == 302)
    for decision in ["allow", "deny"] {
      let again = await visitor.post("/consent", visitor.form(page, decision: decision))
      #expect(again.status == 409 && again.location == nil && again.text.contains("Already decided"))
    }
    #expect(await visitor.get().status == 409)
    let subject = try #require(try site.stores.subjects.pseudonym(of: TestSite.number))
    let row = try site.stores.consents.record(subject: subject, client: ClientID(rawValue: "bank")!, purpose: TestSite.purpose)
    #expect(row?.status == "granted")
  }

  @Test("a form that does not come from our page is refused, and the page can still be answered (A38, A39)")
  func foreign() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    let form = visitor.form(await visitor.get(), decision: "allow")
    let foreign: [Form] = [
      [("origin", "https://evil.example")], [("origin", "null")], [("origin", "http://127.0.0.1:8081")],
      [("origin", TestSite.issuer), ("origin", "https://evil.example")], [("sec-fetch-site", "cross-site")],
      [("sec-fetch-site", "same-site")], [("sec-fetch-mode", "no-cors")], [("sec-fetch-dest", "iframe")],
      [("sec-fetch-dest", "empty")],
    ]
    for fields in foreign { #expect(await visitor.post("/consent", form, fields).status == 403, "\(fields)") }
    #expect(await visitor.post("/consent", form, contentType: "text/plain").status == 403)
    #expect(await visitor.post("/consent", form, contentType: "application/json").status == 403)
    #expect(await visitor.post("/consent?x=1", form).status == 403)
    #expect(await visitor.post("/consent", form + [("decision", "deny")]).status == 403)
    #expect(await visitor.post("/consent", form + [("interaction", "x")]).status == 403)
    let own: Form = [
      ("origin", TestSite.issuer), ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate"),
      ("sec-fetch-dest", "document"),
    ]
    #expect(await visitor.post("/consent", form, own).location?.contains("code=") == true)
  }

  @Test("another browser gets nothing, and cannot tell whether there is anything (A39)")
  func otherBrowser() async throws {
    let site = try await TestSite()
    let (mine, theirs) = (try await site.visit(), try await site.visit())
    let form = mine.form(await mine.get(), decision: "allow")
    let unknown = await mine.get("/consent?interaction=" + String(repeating: "A", count: 43))
    for answer in [
      await mine.get(cookie: theirs.cookie), await mine.get(cookie: "none=1"),
      await mine.post("/consent", form, cookie: theirs.cookie),
    ] {
      #expect(answer.status == 400 && answer.body == unknown.body)
    }
    #expect(await mine.post("/consent", form).status == 302)
  }

  @Test("what the page did not offer is refused, and nothing is decided")
  func notOffered() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    let form = visitor.form(await visitor.get(), decision: "allow")
    for extra in ["bank-balance", "", "<x>", form.first { $0.0 == "category" }?.1 ?? ""] {
      #expect(await visitor.post("/consent", form + [("category", extra)]).status == 400, "\(extra)")
    }
    for decision in ["", "ALLOW", "yes"] {
      #expect(await visitor.post("/consent", form.filter { $0.0 != "decision" } + [("decision", decision)]).status == 400)
    }
    #expect(await visitor.post("/consent", form.filter { $0.0 != "decision" }).status == 400)
    #expect(await visitor.post("/consent", form).status == 302)
  }

  @Test("a page that is not the present one is shown again, and nothing is decided")
  func changed() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    let form = visitor.form(await visitor.get(), decision: "allow").filter { $0.0 != "page" }
    let answer = await visitor.post("/consent", form + [("page", "0.en.older")])
    #expect(answer.status == 409 && answer.location == nil && answer.text.contains("has changed"))
    #expect(await visitor.post("/consent", visitor.form(answer, decision: "allow")).status == 302)
  }

  @Test("an expired page decides nothing")
  func expired() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    let form = visitor.form(await visitor.get(), decision: "allow")
    site.time.advance(seconds: 600)
    #expect(await visitor.get().status == 400)
    #expect(await visitor.post("/consent", form).status == 400)
  }

  @Test("is not shown in a frame, to a script or ahead of a click (A38)")
  func background() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    for fields in [
      [("sec-fetch-dest", "iframe")], [("sec-fetch-dest", "empty"), ("sec-fetch-mode", "cors")], [("sec-purpose", "prefetch")],
      [("purpose", "prefetch")], [("sec-fetch-mode", "no-cors")],
    ] as [Form] {
      #expect(await visitor.get(nil, fields).status == 403, "\(fields)")
    }
    #expect(await visitor.get(nil, [("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")]).status == 200)
  }

  @Test("every page carries the fields that protect it")
  func headers() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit()
    let simPage = try await site.visit(number: nil)
    for page in [
      await visitor.get(), await simPage.get("/subscriber?interaction=\(simPage.handle)"), await site.respond("GET", "/"),
      await visitor.get("/consent?interaction=x"), await site.respond("GET", "/authorize?client_id=x"),
    ] {
      let policy = page.field("content-security-policy") ?? ""
      for part in [
        "default-src 'none'", "style-src 'self'", "img-src 'self' data:", "form-action 'self'", "frame-ancestors 'none'",
        "base-uri 'none'",
      ] {
        #expect(policy.contains(part))
      }
      #expect(!policy.contains("unsafe"))
      #expect(page.field("x-frame-options") == "DENY" && page.field("cache-control") == "no-store")
      #expect(page.field("referrer-policy") == "same-origin" && page.field("x-content-type-options") == "nosniff")
      #expect(page.field("cross-origin-opener-policy") == "same-origin")
      #expect(page.field("content-type") == "text/html; charset=utf-8")
    }
    #expect(
      await visitor.get().field("content-security-policy")?.contains("form-action 'self' https://app.example:8443;") == true)
  }

  @Test(
    "a hostile name, address or wish stays text",
    arguments: [
      #"</title><script>alert(1)</script>"#, #""><img src=x onerror=alert(1)>"#, "' onmouseover='x", "{{statement}} {client}",
      "&lt;b&gt;", "\u{202E}knaB", "<!--", "a&amp;b",
    ])
  func hostileName(_ name: String) async throws {
    let site = try await TestSite { $0.name = name }
    let visitor = try await site.visit(state: name.filter(\.isASCII), [("ui_locales", name)])
    let page = await visitor.get(nil, [("accept-language", name)])
    #expect(page.status == 200)
    #expect(!page.text.contains("<script") && !page.text.contains("<img") && !page.text.contains("<!--"))
    #expect(!page.text.contains("onmouseover='x"))
    #expect(page.text.contains(Template.escape(name)))
    if name.hasPrefix("\u{202E}") { #expect(page.text.contains("\u{2068}\u{202E}knaB\u{2069}")) }
  }

  @Test("other methods are refused with those that are there")
  func methods() async throws {
    let site = try await TestSite()
    #expect(await site.respond("PUT", "/consent").field("allow") == "GET, POST")
    #expect(await site.respond("POST", "/style.css").status == 405)
    #expect(await site.respond("GET", "/style.css").field("content-type") == "text/css; charset=utf-8")
    for path in ["/consent", "/subscriber", "/style.css", "/"] { #expect(site.site.handles(path: path)) }
    #expect(!site.site.handles(path: "/consent/") && !site.site.handles(path: "/authorize"))
  }
}

@Suite("The page of simulated SIM cards")
struct SubscriberPageTests {
  @Test("offers each card as a button and goes on to the consent page with the one that was chosen")
  func choose() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit(number: nil)
    let page = await visitor.get("/subscriber?interaction=\(visitor.handle)")
    #expect(page.status == 200)
    #expect(page.captures(/<button name="subscriber" value="([^"]*)"/) == TestSite.sims.map(\.number.e164))
    #expect(page.text.contains("&lt;b&gt;odd&lt;/b&gt; &amp; &quot;quoted&quot;"))
    let answer = await visitor.post("/subscriber", page.hiddenFields + [("subscriber", TestSite.number.e164)])
    #expect(answer.status == 303 && answer.location == visitor.address)
    #expect(await visitor.get().text.contains("+33*****78"))
  }

  @Test("a number that is no card's, a form from elsewhere and another browser are refused")
  func refused() async throws {
    let site = try await TestSite()
    let visitor = try await site.visit(number: nil)
    let form: Form = [("interaction", visitor.handle)]
    #expect(await visitor.post("/subscriber", form + [("subscriber", "+33699999999")]).status == 400)
    #expect(await visitor.post("/subscriber", form).status == 400)
    let good = form + [("subscriber", TestSite.number.e164)]
    #expect(await visitor.post("/subscriber", good, [("origin", "https://evil.example")]).status == 403)
    #expect(await visitor.post("/subscriber", good, cookie: "none=1").status == 400)
    #expect(await visitor.post("/subscriber", good + [("subscriber", "+33612345679")]).status == 403)
    // Not chosen yet: the consent page sends back to the choice, and no decision is taken.
    #expect(await visitor.get().location == "/subscriber?interaction=\(visitor.handle)")
    #expect(
      await visitor.post("/consent", form + [("decision", "allow")]).location == "/subscriber?interaction=\(visitor.handle)")
  }
}

import Bytes
import Foundation
import Identifiers
import Store
import Testing
import Wire

@testable import Authorization
@testable import Pages

/// `/subscriber` where one-time codes are configured: number, code, consent page.
@Suite struct OneTimeCodePageTests {
  private static let origin: Form = [("origin", TestSite.issuer)]

  /// What the person's browser sends from the form for the number, or for the code.
  private func post(_ visitor: Visitor, _ name: String, _ value: String, _ fields: Form = origin, cookie: String? = nil) async
    -> HTTPResponse
  {
    await visitor.post("/subscriber", [("interaction", visitor.handle), (name, value)], fields, cookie: cookie)
  }

  private func page(_ visitor: Visitor, _ more: String = "", _ fields: Form = []) async -> HTTPResponse {
    await visitor.get("/subscriber?interaction=\(visitor.handle)\(more)", fields)
  }

  @Test func numberThenCodeThenConsent() async throws {
    let gateway = try CodeGateway()
    let site = try await TestSite(codes: gateway)
    let visitor = try await site.visit(number: nil)
    let first = await page(visitor)
    #expect(first.status == 200 && first.text.contains(#"type="tel""#) && !first.text.contains("<script"))
    #expect(!first.text.contains("SIM"), "the simulated cards make way")
    let sent = await post(visitor, "number", "+33 6 12 34 56 78")
    #expect(sent.status == 303 && sent.location == "/subscriber?interaction=\(visitor.handle)")
    let second = await page(visitor)
    #expect(second.text.contains(#"autocomplete="one-time-code""#) && second.text.contains(#"inputmode="numeric""#))
    #expect(!second.text.contains("+33"), "the number is not shown again")
    let code = try await gateway.code()
    let right = await post(visitor, "code", code.prefix(3) + " " + code.suffix(3))
    #expect(right.status == 303 && right.location == visitor.address)
    let interaction = try site.server.interaction(
      handle: visitor.handle, browser: site.request("GET", "/", [("cookie", visitor.cookie)]))
    #expect(interaction.subscriber?.amr == ["sms", "otp"])
    #expect(try site.stores.subjects.number(of: #require(interaction.subscriber).pseudonym) == TestSite.number)
    let consent = await visitor.get()
    #expect(consent.status == 200 && !consent.categories.isEmpty)
  }

  @Test func theMessageIsInThePersonsLanguage() async throws {
    for (language, word) in [("en", "is your code"), ("fr", "est votre code")] {
      let gateway = try CodeGateway()
      let visitor = try await TestSite(codes: gateway).visit(number: nil, [("ui_locales", language)])
      #expect(await page(visitor).text.contains("<html lang=\"\(language)\""))
      _ = await post(visitor, "number", TestSite.number.e164)
      _ = try await gateway.code()
      let message = try #require(gateway.messages.first)
      #expect(Set(message.keys.map(\.name)) == ["phoneNumber", "text", "language"])
      #expect(message["language"]?.string == language && message["text"]?.string?.contains(word) == true)
    }
  }

  @Test func afterFiveWrongOnesTheRightOneIsRefused() async throws {
    let gateway = try CodeGateway()
    let visitor = try await TestSite(codes: gateway).visit(number: nil)
    _ = await post(visitor, "number", TestSite.number.e164)
    let code = try await gateway.code()
    let wrong = code == "000000" ? "000001" : "000000"
    for text in ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦"] {
      #expect(await post(visitor, "code", text).status == 400, "costs no attempt")
    }
    for _ in 0..<4 {
      let answer = await post(visitor, "code", wrong)
      #expect(answer.status == 400 && answer.text.contains(#"role="alert""#) && answer.text.contains("one-time-code"))
    }
    let last = await post(visitor, "code", wrong)
    #expect(last.status == 429 && last.text.contains("new code"))
    #expect(await post(visitor, "code", code).status == 429)
    // A new one helps.
    _ = await post(visitor, "number", TestSite.number.e164)
    #expect(await post(visitor, "code", try gateway.code(ofMessage: 2)).location == visitor.address)
  }

  @Test func aCodeIsGoodInItsOwnVisitAlone() async throws {
    let gateway = try CodeGateway()
    let site = try await TestSite(codes: gateway)
    let (mine, theirs) = (try await site.visit(number: nil), try await site.visit(number: nil))
    _ = await post(mine, "number", TestSite.number.e164)
    let code = try await gateway.code()
    #expect(await post(theirs, "code", code).status == 400, "no code was asked for there")
    _ = await post(theirs, "number", TestSite.number.e164)
    _ = try await gateway.code(ofMessage: 2)
    #expect(await post(theirs, "code", code).status == 400, "another one was")
    #expect(await post(mine, "code", code, cookie: theirs.cookie).status == 400, "another browser")
    #expect(await post(mine, "code", code).location == mine.address)
    #expect(await post(mine, "code", code).location == mine.address, "known by now; the code is not looked at")
  }

  @Test func aCodeExpires() async throws {
    let gateway = try CodeGateway()
    let site = try await TestSite(codes: gateway)
    let visitor = try await site.visit(number: nil)
    _ = await post(visitor, "number", TestSite.number.e164)
    let code = try await gateway.code()
    site.time.advance(seconds: 300)
    let answer = await post(visitor, "code", code)
    #expect(answer.status == 400 && answer.text.contains("no longer valid"))
    #expect(await page(visitor).text.contains(#"type="tel""#))
  }

  @Test func threeCodesAVisit() async throws {
    let gateway = try CodeGateway()
    let visitor = try await TestSite(codes: gateway).visit(number: nil)
    for _ in 0..<3 { #expect(await post(visitor, "number", TestSite.number.e164).status == 303) }
    let answer = await post(visitor, "number", TestSite.number.e164)
    #expect(answer.status == 429 && answer.text.contains("no more codes"))
  }

  @Test func fiveCodesANumberAndHour() async throws {
    let gateway = try CodeGateway()
    let site = try await TestSite(codes: gateway)
    for number in [TestSite.number.e164, "+33612340000"] {
      for _ in 0..<5 { #expect(await post(try site.visit(number: nil), "number", number).status == 303) }
      let answer = await post(try await site.visit(number: nil), "number", number)
      #expect(answer.status == 429 && answer.text.contains("in an hour"), "the same for who is no subscriber (A44)")
    }
    site.time.advance(seconds: 3601)
    #expect(await post(try site.visit(number: nil), "number", TestSite.number.e164).status == 303)
  }

  @Test func whoIsNoSubscriberSeesTheSameAndGetsNothing() async throws {
    let gateway = try CodeGateway(delayMilliseconds: 1000)
    let site = try await TestSite(codes: gateway)
    var answers: [[String]] = []
    for number in [TestSite.number.e164, "+33612340000"] {
      let visitor = try await site.visit(number: nil)
      let began = ContinuousClock.now
      let sent = await post(visitor, "number", number)
      // The gateway takes a second; neither answer waits for it.
      #expect(ContinuousClock.now - began < .milliseconds(800))
      let second = await page(visitor)
      let wrong = await post(visitor, "code", "000000")
      answers.append(
        [sent, second, wrong].flatMap { [String($0.status), $0.text, $0.location ?? ""] }.map {
          $0.replacing(visitor.handle, with: "HANDLE")
        })
    }
    #expect(answers[0] == answers[1])
    _ = try await gateway.code()
    try await Task.sleep(for: .milliseconds(2500))
    #expect(gateway.messages.count == 1)
  }

  @Test func whoLeavesGoesBackToTheClient() async throws {
    let site = try await TestSite(codes: CodeGateway())
    let visitor = try await site.visit(number: nil)
    let answer = await post(visitor, "decision", "deny")
    #expect(answer.status == 302 && answer.location?.contains("error=access_denied") == true)
    #expect(await post(visitor, "number", TestSite.number.e164).status == 409)
  }

  @Test(arguments: [
    [("origin", "https://evil.example")], [("origin", "null")], [("sec-fetch-site", "cross-site")],
    [("sec-fetch-dest", "iframe")],
  ])
  func aFormFromElsewhereIsRefused(_ fields: Form) async throws {
    let gateway = try CodeGateway()
    let visitor = try await TestSite(codes: gateway).visit(number: nil)
    #expect(await post(visitor, "number", TestSite.number.e164, fields).status == 403)
    #expect(gateway.messages.isEmpty)
  }

  @Test func aNumberThatIsNone() async throws {
    let visitor = try await TestSite(codes: CodeGateway { $0.countryCode = "33" }).visit(number: nil)
    for text in ["", "12", "hello", "+0612345678"] { #expect(await post(visitor, "number", text).status == 400) }
    #expect(await post(visitor, "number", "06 12 34 56 78").status == 303)
  }

  @Test func withoutInteractionThereIsNoPage() async throws {
    let query = "prompt=none"
    let site = try await TestSite(codes: CodeGateway())
    let answer = await site.respond(
      "GET",
      "/authorize?\(query)&"
        + encode([
          ("response_type", "code"), ("client_id", "bank"), ("redirect_uri", TestSite.redirectURI), ("state", "s-1"),
          ("scope", TestSite.scope), ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
          ("code_challenge_method", "S256"),
        ]))
    #expect(answer.location?.contains("error=login_required") == true)
  }

  @Test func theOutcomeIsInTheLedgerWithoutTheNumber() async throws {
    let gateway = try CodeGateway()
    let site = try await TestSite(codes: gateway)
    let visitor = try await site.visit(number: nil)
    _ = await post(visitor, "number", TestSite.number.e164)
    let code = try await gateway.code()
    _ = await post(try await site.visit(number: nil), "number", "+33612340000")
    for _ in 0..<200 where try site.ledgerText().components(separatedBy: "code.sent").count < 3 {
      try await Task.sleep(for: .milliseconds(10))
    }
    let text = try site.ledgerText()
    #expect(text.contains(#""decision":"allowed""#) && text.contains("notASubscriber"))
    for secret in ["612345678", "612340000", code] { #expect(!text.contains(secret)) }
  }
}

extension TestSite {
  fileprivate func ledgerText() throws -> String {
    try FileManager.default.contentsOfDirectory(atPath: folder + "/ledger").filter { $0.hasSuffix(".jsonl") }.map {
      try String(contentsOfFile: folder + "/ledger/" + $0, encoding: .utf8)
    }.joined()
  }
}

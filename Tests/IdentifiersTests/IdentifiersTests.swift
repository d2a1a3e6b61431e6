import Testing

@testable import Identifiers

@Suite struct MSISDNTests {
  @Test(arguments: ["+33612345678", "+12345", "+123456789012345"]) func aGlobalNumberIsTaken(_ text: String) {
    #expect(MSISDN(e164: text)?.e164 == text)
  }

  @Test(arguments: [
    "", "+", "33612345678", "+0612345678", "+1234", "+1234567890123456", "+33 612345678", "+3361234567a", "+33612345678\n",
  ])
  func anythingElseIsRefused(_ text: String) { #expect(MSISDN(e164: text) == nil) }

  @Test func itNeverPrintsInTheClear() {
    let number = MSISDN(e164: "+33612345667")!
    var dumped = ""
    dump(number, to: &dumped)
    for text in ["\(number)", String(describing: number), String(reflecting: number), dumped] {
      #expect(!text.contains("612345"))
      #expect(text.contains("+33*****67"))
    }
  }

  @Test func aTelHintIsStrict() {
    #expect(MSISDN(tel: "tel:+34666666666") != nil)
    for hint in ["tel:+34-666666666", "tel:666666666", "+34666666666", "TEL:+34666666666", "tel: +34666666666"] {
      #expect(MSISDN(tel: hint) == nil, "\(hint)")
    }
  }
}

@Suite struct ScopeTests {
  @Test func aListKeepsItsOrderAndLosesDoubles() {
    let set = ScopeSet(parsing: "openid dpv:FraudPreventionAndDetection a:b a:b openid")
    #expect(set?.description == "openid dpv:FraudPreventionAndDetection a:b")
    #expect(set?.apiScopes == ScopeSet([Scope(rawValue: "a:b")!]))
    #expect(set?.purposes.count == 1)
  }

  @Test(arguments: [" a", "a ", "a  b", "a\tb", "a\"b", "a\\b", "é"]) func aMalformedListIsRefused(_ text: String) {
    #expect(ScopeSet(parsing: text) == nil)
  }

  @Test func oneScopeAboveTheLimitIsRefused() {
    let names = (0..<129).map { "s\($0)" }
    #expect(ScopeSet(parsing: names.prefix(128).joined(separator: " "))?.count == 128)
    #expect(ScopeSet(parsing: names.joined(separator: " ")) == nil)
  }

  @Test(arguments: ["dpv:", "dpv:Fraud#scope", "dpv:a b", "DPV:Fraud", "Fraud"]) func anUnreadablePurposeIsRefused(_ text: String)
  {
    #expect(Purpose(rawValue: text) == nil)
  }
}

import Bytes
import Foundation
import Identifiers
import Testing

@testable import Policy

@Suite struct CatalogueTests {
  @Test func aPolicyIsReadAsItStands() throws {
    let catalogue = try TestCatalogue.load()
    let make = try #require(catalogue.operations(Scope(rawValue: "t:make")!).first)
    #expect(make.pathTemplate == "/test-api/v1/things" && make.answers.map(\.statuses) == [[201]])
    #expect(make.requiredCategories == 1 && make.optionalCategories == 2)
    #expect(make.price == Price(amountMicros: 20_000, currency: "EUR"))
    #expect(make.limits == RateLimit(requestsPerMinute: 60, burst: 60))
    #expect(make.subject == .tokenOrBody(["device"], .device) && make.personalData)
    #expect(String(decoding: make.ledgerMembers, as: UTF8.self) == #""api":"test-api","operation":"makeThing""#)
    #expect(catalogue.scopes.map(\.rawValue) == ["t:make", "t:read", "t:a", "t:b"])
    #expect(catalogue.knows(Purpose(rawValue: "dpv:Testing")!) && !catalogue.knows(Purpose(rawValue: "dpv:Other")!))
  }

  @Test func alternativesOfScopesOpenAnOperation() throws {
    let catalogue = try TestCatalogue.load()
    let list = try #require(catalogue.operationsByIndex.first { $0.id.rawValue == "listThings" })
    for (scopes, opens) in [("t:read", true), ("t:a", false), ("t:a t:b", true), ("t:b t:make", false)] {
      #expect(catalogue.operations(openedBy: ScopeSet(parsing: scopes)!).contains(list.index) == opens, "\(scopes)")
    }
  }

  @Test(arguments: [
    ("bank", "dpv:Testing", "test-api", LegalBasis.legitimateInterest), ("bank", "dpv:Other", "test-api", .contract),
    ("shop", "dpv:Testing", "other", .legalObligation), ("shop", "dpv:Testing", "test-api", .consent),
    ("bank", "dpv:Other", "other", .contract),
  ]) func theRuleThatSaysMostHolds(_ client: String, _ purpose: String, _ api: String, _ basis: LegalBasis) throws {
    let bases = try TestCatalogue.load().legalBases
    #expect(
      bases.basis(api: APIName(rawValue: api)!, purpose: Purpose(rawValue: purpose)!, client: ClientID(rawValue: client)!)
        == basis)
  }

  private static let request =
    #""request": { "schema": { "type": "object", "properties": { "size": {"type": "integer", "minimum": 1, "maximum": 9} } } },"#

  /// Each mistake: what is replaced, by what, and a part of the reason.
  private static let mistakes: [(String, String, String)] = [
    (#""basePath": "/test-api/v1""#, #""basePath": "/test-api/v1/""#, "basePath"),
    (#""method": "POST""#, #""method": "FETCH""#, "method"), (#""method": "POST""#, #""metod": "POST""#, "missing"),
    (#""category": "place""#, #""category": "plaec""#, #"did you mean "place""#),
    (#""category": "place""#, #""category": "place", "release": "always""#, "exactly one"),
    (#""category": "place""#, #""catgory": "place""#, "unknown key"), (#""amount": "0.02""#, #""amount": "0,02""#, "decimal"),
    (#""maximum": 9} }"#, #""maximum": 9} }, "anyRequired": [["size", 1]]"#, "anyRequired"),
    (#""amount": "0.02""#, #""amount": "0.0000002""#, "decimal"), (#""currency": "EUR""#, #""currency": "eur""#, "ISO 4217"),
    (#""scopes": ["t:make"]"#, #""scopes": []"#, "scopes"), (#""scopes": ["t:make"]"#, #""scopes": ["dpv:X"]"#, "scopes"),
    (#""rule": "tokenOrBody""#, #""rule": "token""#, "rule"), (#""at": "device""#, #""at": "a..b""#, "dots"),
    (#""at": "device""#, #""at": "a\"b""#, "dots"), (#""request": { "schema": {"#, #""request": { "schma": {"#, "schma"),
    (request, "", "wants a schema"),
    (#""type": "integer""#, #""type": "int""#, "no type"), (#""minimum": 1"#, #""minimum": 10"#, "above"),
    (#""status": [201]"#, #""status": [404]"#, "status"), (#""path": "/things/{id}""#, #""path": "/things/{id}/../x""#, "path"),
    (#""path": "/things/remaining""#, #""path": "/things/{other}""#, "method and path"),
    (#""requestsPerMinute": 60"#, #""requestsPerMinute": 0"#, "whole number"),
    (#""requestsPerMinute": 60"#, #""requestsPerMinute": 1, "burst": 1441"#, "more than a day"),
    (#""requestsPerMinute": 60"#, #""requestsPerMinute": 1, "burst": 307445734"#, "more than a day"),
    (#""version": "1.0.0","#, "", "missing"),
    (#""category": "place"}, "name": {"category": "name""#, #""release": "always"}, "name": {"release": "always""#, "no field"),
    (#""title": {"en": "Make"}"#, #""title": {"fr": "Faire"}"#, "English"), ("// A comment", "", "not JSON"),
  ]

  @Test(arguments: mistakes.indices) func aWrongPolicyIsRefusedWithFileLineAndReason(_ index: Int) throws {
    let (old, new, reason) = Self.mistakes[index]
    try #require(TestCatalogue.api.contains(old))
    let errors = try #require(
      throws: PolicyErrors.self
    ) { try TestCatalogue.load(["test-api.json": TestCatalogue.api.replacingOccurrences(of: old, with: new)]) }
    let error = try #require(errors.errors.first)
    #expect(error.file.hasSuffix("test-api.json") && error.line >= 1)
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test func twoFilesCannotSpeakOfTheSamePaths() throws {
    let errors = try #require(throws: PolicyErrors.self) { try TestCatalogue.load(["zz.json": TestCatalogue.api]) }
    #expect(errors.errors.first?.reason.contains("base path") == true)
  }

  /// A file that is too large is not "cannot be read: Success".
  @Test(arguments: [(16 << 20, false), ((16 << 20) + 1, true)])
  func aFileThatIsTooLargeIsToldOf(_ bytes: Int, _ isTooLarge: Bool) throws {
    let text = TestCatalogue.api.replacingOccurrences(of: "test-api", with: "large-api")
    let large = text + String(repeating: " ", count: bytes - text.utf8.count)
    guard isTooLarge else {
      #expect(throws: Never.self) { try TestCatalogue.load(["large.json": large]) }
      return
    }
    let error = try #require(
      try #require(throws: PolicyErrors.self) { try TestCatalogue.load(["large.json": large]) }.errors.first)
    #expect(error.file.hasSuffix("large.json") && error.reason == "cannot be read: File too large")
  }

  @Test func everyFilesFirstFaultIsTold() throws {
    let errors = try #require(throws: PolicyErrors.self) {
      try TestCatalogue.load(["categories.json": "{", "legal-bases.json": "[]"])
    }
    #expect(errors.errors.count >= 2)
  }
}

@Suite struct ShippedPoliciesTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("policies").path
  private static let catalogue = try! Catalogue.load(directory: folder)

  @Test func everyApiAndVersionIsThere() {
    #expect(
      Self.catalogue.apis.map(\.basePath).sorted() == [
        "/carrier-billing-refund/v0.3",
        "/carrier-billing/v0.5",
        "/connected-network-type-subscriptions/v0.2",
        "/connected-network-type/v0.2",
        "/consent-info/v0.2",
        "/device-identifier/v0.1.0",
        "/device-identifier/v0.3",
        "/device-identifier/v0.4alpha1",
        "/device-reachability-status-subscriptions/v0.8",
        "/device-reachability-status/v1",
        "/device-roaming-status-subscriptions/v0.8",
        "/device-roaming-status/v1",
        "/device-swap/v1",
        "/geofencing-subscriptions/v0.5",
        "/kyc-age-verification/v0.2",
        "/kyc-fill-in/v0.4",
        "/kyc-match/v0.4",
        "/location-retrieval/v0.5",
        "/location-verification/v3",
        "/number-verification/v2",
        "/one-time-password-sms/v1",
        "/population-density-data/v0.3",
        "/qos-profiles/v1",
        "/qos-provisioning/v0.3",
        "/quality-on-demand/v1",
        "/regionDeviceCount/vwip",
        "/sim-swap-subscriptions/v0.3",
        "/sim-swap/v2",
        "/simple-edge-discovery/v2",
        "/webrtc-call-handling/v0.3",
        "/webrtc-events/v0.2",
        "/webrtc-registration/v0.3",
      ])
    #expect(Self.catalogue.operationsByIndex.count == 82 && Self.catalogue.apis.allSatisfy(\.unreviewed.isEmpty))
    #expect(Self.catalogue.purposes.count == 121)
  }

  @Test func theFirstVersionSpellsItsErrorsForItself() throws {
    let first = try #require(Self.catalogue.apis.first { $0.version == "0.1.0" }?.operations.first)
    #expect(first.errors.answer(.unknownSubscriber).code == "NOT_FOUND")
    #expect(first.errors.answer(.quotaExceeded).code == "TOO_MANY_REQUESTS")
    #expect(first.errors.answer(.missingIdentifier).status == 400)
    #expect(first.errors.kind(status: 404, code: "NOT_FOUND") == .unknownSubscriber)
    let newer = try #require(Self.catalogue.apis.first { $0.version == "0.3.0" }?.operations.first)
    #expect(newer.errors.answer(.unknownSubscriber).code == "IDENTIFIER_NOT_FOUND")
    #expect(newer.errors.kind(status: 500, code: "NOT_FOUND") == nil)
  }
}

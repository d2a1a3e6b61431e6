import Bytes
import Identifiers
import Store
import Testing

@testable import ConsentMaster

private let number = MSISDN(e164: "+33639980001")!
private let subject = SubjectPseudonym(rawValue: "s")!
private let bank = ClientID(rawValue: "bank")!
private let purpose = Purpose(rawValue: "dpv:FraudPreventionAndDetection")!

private let granted = """
  {"id": "m-1", "subject": "tel:+33639980001", "client_id": "bank", "purpose": "dpv:FraudPreventionAndDetection", "status": "granted",
   "scopes": ["a:b"], "categories": ["device-serial-number"], "granted_at": "2026-01-31T12:00:00Z", "expires_at": null}
  """

/// What the master answers, and what it tells, read as strictly as anything that a decision rests on.
@Suite struct MasterFormatTests {
  private func rows(_ records: String, version: Int = 1) throws -> [ConsentRow] {
    try MasterFormat.rows(
      Array("{\"version\": \(version), \"records\": [\(records)]}".utf8), number, subject: subject, client: bank, purpose: purpose
    )
  }

  @Test func aRecordIsReadWithWhatItMayLack() throws {
    let row = try #require(try rows(granted).first)
    #expect(row.subject == subject && row.status == "granted" && row.expiresAt == nil && row.withdrawnAt == nil)
    #expect(row.scopes.map(\.rawValue) == ["a:b"] && row.categories.map(\.rawValue) == ["device-serial-number"])
    #expect(try rows("").isEmpty)
    #expect(try rows(granted.replacing("\"id\"", "\"more\": {\"than\": \"known\"}, \"id\"")).count == 1)
  }

  @Test(arguments: [
    ("+33639980001", "+33639980002"), ("\"bank\"", "\"shop\""), ("dpv:FraudPreventionAndDetection", "dpv:Marketing"),
    ("\"status\": \"granted\"", "\"status\": \"maybe\""), ("\"a:b\"", "7"), ("\"a:b\"", "\"a b\""),
    ("device-serial-number", "DEVICE"),
    ("2026-01-31T12:00:00Z", "yesterday"), ("null", "true"), ("\"m-1\"", "1"),
    // Without the time of it, older tokens would live again.
    ("\"status\": \"granted\"", "\"status\": \"revoked\""), ("\"status\": \"granted\"", "\"status\": \"objected\""),
  ])
  func whatIsNotWhatItMustBeMakesTheAnswerWorthless(_ old: String, _ new: String) throws {
    #expect(throws: MasterFailure.self) { try rows(granted.replacing(old, new)) }
  }

  @Test func anAnswerOfAnotherVersionOrWithTooMuchIsNone() throws {
    #expect(throws: MasterFailure.self) { try rows(granted, version: 2) }
    #expect(throws: MasterFailure.self) { try rows(granted + "," + granted) }
    for body in ["", "[]", "{}", "{\"version\": 1}", "<html>", "{\"version\": 1, \"records\": {}}"] {
      #expect(throws: MasterFailure.self) {
        try MasterFormat.rows(Array(body.utf8), number, subject: subject, client: nil, purpose: nil)
      }
    }
  }

  @Test func twoRecordsWithOneIDAreNoAnswer() throws {
    let other = granted.replacing("dpv:FraudPreventionAndDetection", "dpv:Marketing")
    func all(_ records: String) throws -> [ConsentRow] {
      try MasterFormat.rows(
        Array("{\"version\": 1, \"records\": [\(records)]}".utf8), number, subject: subject, client: nil, purpose: nil)
    }
    #expect(try all(granted + "," + other.replacing("m-1", "m-2")).count == 2)
    #expect(throws: MasterFailure.malformed("two records with one id")) { try all(granted + "," + other) }
    #expect(throws: MasterFailure.malformed("two records of one client and purpose")) {
      try all(granted + "," + granted.replacing("m-1", "m-2"))
    }
  }

  @Test func aChangeNamesWhatChangedAndNothingElse() throws {
    func changes(_ inner: String) throws -> [MasterFormat.Change] {
      try MasterFormat.changes(Array("{\"version\": 1, \"changes\": [\(inner)]}".utf8))
    }
    let one = try changes("{\"subject\": \"tel:+33639980001\", \"client_id\": \"bank\", \"purpose\": \"\(purpose.rawValue)\"}")
    #expect(one == [MasterFormat.Change(number: number, record: .init(client: bank, purpose: purpose))])
    #expect(try changes("{\"subject\": \"tel:+33639980001\"}") == [MasterFormat.Change(number: number, record: nil)])
    for wrong in [
      "", "{}", "{\"subject\": \"+33639980001\"}", "{\"subject\": \"tel:+33639980001\", \"client_id\": \"bank\"}",
      "{\"subject\": \"tel:+33639980001\", \"status\": \"granted\"}",
    ] {
      #expect(throws: DocumentError.self) { try changes(wrong) }
    }
  }
}

extension String {
  fileprivate func replacing(_ old: String, _ new: String) -> String {
    guard let range = self.firstRange(of: old) else { return self }
    var text = self
    text.replaceSubrange(range, with: new)
    return text
  }
}

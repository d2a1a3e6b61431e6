import Bytes
import Foundation
import Identifiers
import JOSE
import Store
import Testing

@Suite("Subscribers' pseudonyms")
struct SubjectsTests {
  let number = MSISDN(e164: "+33612345678")!

  @Test("a number has one pseudonym, made once, and it leads back")
  func findOrCreate() async throws {
    let fixture = try Fixture()
    let subjects = fixture.stores.subjects
    #expect(try subjects.pseudonym(of: number) == nil)
    let pseudonym = try await subjects.findOrCreate(number)
    #expect(try await subjects.findOrCreate(number) == pseudonym)
    #expect(try subjects.pseudonym(of: number) == pseudonym)
    #expect(try subjects.number(of: pseudonym) == number)
    #expect(Base64URL.decode(pseudonym.rawValue)?.count == 16)
    #expect(try await subjects.findOrCreate(MSISDN(e164: "+33612345679")!) != pseudonym)
  }

  @Test("50 that ask at once get the same")
  func race() async throws {
    let subjects = try Fixture().stores.subjects
    let number = number
    let found = try await withThrowingTaskGroup(of: SubjectPseudonym.self) { group in
      for _ in 0..<50 { group.addTask { try await subjects.findOrCreate(number) } }
      return try await group.reduce(into: Set<SubjectPseudonym>()) { $0.insert($1) }
    }
    #expect(found.count == 1)
  }

  @Test("an erased pseudonym leads nowhere, and the number gets another")
  func erase() async throws {
    let subjects = try Fixture().stores.subjects
    let pseudonym = try await subjects.findOrCreate(number)
    try await subjects.erase(pseudonym)
    #expect(try subjects.number(of: pseudonym) == nil)
    #expect(try subjects.pseudonym(of: number) == nil)
    #expect(try await subjects.findOrCreate(number) != pseudonym)
  }

  @Test("an erasure is told to those who remember numbers, and ends what was granted about the subscriber and nobody else")
  func erasure() async throws {
    let fixture = try Fixture()
    let stores = fixture.stores
    let one = try await stores.subjects.findOrCreate(number)
    let other = try await stores.subjects.findOrCreate(MSISDN(e164: "+33612345679")!)
    for (id, subject) in [("g1", one), ("g2", one), ("g3", other)] {
      try await stores.grants.insert(
        GrantRecord(
          id: GrantID(rawValue: id)!, client: client, subject: subject, scopes: scopes("a"), flow: "test",
          createdAt: fixture.now(),
          expiresAt: fixture.now(plus: 60)))
    }
    #expect(try stores.grants.openCount(subject: one) == 2)
    let ended = try await stores.grants.end(subject: one, reason: "subject_erased")
    #expect(Set(ended.map(\.rawValue)) == ["g1", "g2"])
    #expect(try stores.grants.openCount(subject: one) == 0 && stores.grants.openCount(subject: other) == 1)
    let before = stores.subjects.erasures
    #expect(try await stores.subjects.erase(one))
    #expect(stores.subjects.erasures > before)
    #expect(try stores.subjects.number(of: other) != nil)
  }

  @Test("a row that was moved to another pseudonym does not open")
  func bound() async throws {
    let fixture = try Fixture()
    let subjects = fixture.stores.subjects
    let one = try await subjects.findOrCreate(number)
    let other = try await subjects.findOrCreate(MSISDN(e164: "+33612345679")!)
    try fixture.database.writeNow { connection in
      try connection.statement(
        "UPDATE subjects SET sealed = (SELECT sealed FROM subjects WHERE pseudonym = ?1) WHERE pseudonym = ?2"
      )
      .bind(one, other).run()
    }
    #expect(throws: StoreError.malformedRow(table: "subjects", column: "sealed")) { try subjects.number(of: other) }
  }

  @Test("neither number nor code nor payload stands in the files in the clear")
  func sealed() async throws {
    let fixture = try Fixture()
    let pseudonym = try await fixture.stores.subjects.findOrCreate(number)
    try await fixture.stores.codes.insert(code("the-secret-code", expiresAt: fixture.now(plus: 60)))
    let interaction = InteractionRecord(
      digest: digest("handle"), sessionDigest: digest("session"), payload: Array("{\"n\":\"+33612345678\"}".utf8),
      createdAt: fixture.now(), expiresAt: fixture.now(plus: 600))
    try await fixture.stores.interactions.insert(interaction)
    _ = try await fixture.stores.assertions.useOnce(client: client, jti: "the-secret-jti", expiresAt: fixture.now(plus: 60))
    try await fixture.stores.subjects.erase(pseudonym)
    fixture.database.close()
    for name in try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path) {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: fixture.folder.path + "/" + name))
      for secret in ["33612345678", "612345678", "the-secret-code", "the-secret-jti"] {
        #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(secret) stands in \(name)")
      }
    }
  }
}

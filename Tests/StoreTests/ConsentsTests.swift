import Bytes
import Identifiers
import Store
import Testing

@Suite("Consents")
struct ConsentsTests {
  func event(
    _ kind: String, _ fixture: Fixture, id: String = "consent-1", scopes granted: String = "", _ names: [CategoryID] = [],
    shown: String? = nil, shownCategories: [CategoryID]? = nil, expiresIn: Int64? = nil, client: ClientID = client
  ) -> ConsentEventRow {
    ConsentEventRow(
      consent: ConsentID(rawValue: id)!, subject: subject, client: client, purpose: purpose, kind: kind, at: fixture.now(),
      scopes: scopes(granted), categories: names, shownScopes: shown.map { scopes($0) }, shownCategories: shownCategories,
      flow: "authorization_code", pageVersion: "1", language: "fr", textDigest: "abc", actor: "subscriber", reason: nil,
      expiresAt: expiresIn.map { fixture.now(plus: $0) })
  }

  @Test("a grant is an event and a row, and both come back")
  func grant() async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    let event = event("granted", fixture, scopes: "a b", categories("imei", "model"), shown: "a b", expiresIn: 100)
    let row = try await consents.append(event)
    #expect(row.status == "granted")
    #expect(row.scopes == scopes("a b"))
    #expect(row.categories == categories("imei", "model"))
    #expect(row.grantedAt == fixture.now())
    #expect(row.expiresAt == fixture.now(plus: 100))
    #expect(try consents.record(row.id) == row)
    #expect(try consents.record(subject: subject, client: client, purpose: purpose) == row)
    #expect(try consents.events(of: row.id) == [event])
  }

  @Test("events are never changed and never deleted, not even by hand")
  func eventsStay() async throws {
    let fixture = try Fixture()
    try await fixture.stores.consents.append(event("granted", fixture, scopes: "a"))
    #expect(throws: StoreError.constraint("consent_events are never changed")) {
      try fixture.database.writeNow { try $0.statement("UPDATE consent_events SET kind = 'denied'").run() }
    }
    #expect(throws: StoreError.constraint("consent_events are never deleted")) {
      try fixture.database.writeNow { try $0.statement("DELETE FROM consent_events").run() }
    }
  }

  @Test("a kind or status that nobody knows is refused, and leaves neither event nor row")
  func unknownKind() async throws {
    let fixture = try Fixture()
    await #expect(throws: StoreError.self) { try await fixture.stores.consents.append(event("whatever", fixture)) }
    #expect(try fixture.stores.consents.record(subject: subject, client: client, purpose: purpose) == nil)
  }

  @Test("there is one record for a subject, client and purpose, whoever was first")
  func oneRecord() async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    let rows = try await withThrowingTaskGroup(of: ConsentRow.self) { group in
      for number in 0..<20 {
        let event = event("granted", fixture, id: "consent-\(number)", scopes: "a")
        group.addTask { try await consents.append(event) }
      }
      return try await group.reduce(into: [ConsentRow]()) { $0.append($1) }
    }
    #expect(Set(rows.map(\.id)).count == 1)
    #expect(try consents.events(of: rows[0].id).count == 20)
  }

  @Test("a decision replaces what its page showed, and leaves the rest")
  func replaces() async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    try await consents.append(event("granted", fixture, scopes: "a b", categories("imei", "model"), expiresIn: 1000))
    fixture.time.advance(seconds: 10)
    let row = try await consents.append(
      event(
        "granted", fixture, scopes: "c", categories("tac"), shown: "b c", shownCategories: categories("model", "tac"),
        expiresIn: 5000))
    #expect(row.scopes == scopes("a c"))
    #expect(row.categories == categories("imei", "tac"))
    #expect(row.expiresAt == fixture.now(plus: 990), "what stays must not live longer by the newer decision")
    #expect(row.grantedAt == fixture.now())
  }

  @Test("a denial of a part leaves the rest granted; of all, it is denied")
  func denial() async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    let granted = try await consents.append(event("granted", fixture, scopes: "a b", categories("imei"), expiresIn: 1000))
    fixture.time.advance(seconds: 10)
    var row = try await consents.append(event("denied", fixture, shown: "b", shownCategories: []))
    #expect(row.status == "granted")
    #expect(row.scopes == scopes("a"))
    #expect(row.grantedAt == granted.grantedAt)
    row = try await consents.append(event("denied", fixture, shown: "a"))
    #expect(row.status == "denied")
    #expect(row.scopes.isEmpty && row.categories.isEmpty && row.grantedAt == nil)
  }

  @Test("the times of withdrawal and objection outlive later decisions, in the record as in the sum of its events")
  func times() async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    func append(_ event: ConsentEventRow) async throws -> ConsentRow {
      fixture.time.advance(seconds: 10)
      var event = event
      event.at = fixture.now()
      let row = try await consents.append(event)
      #expect(try consents.record(row.id) == row)
      #expect(try consents.search(ConsentFilter(client: client)) == [row])
      #expect(ConsentRow.sum(try consents.events(of: row.id)) == row)
      return row
    }
    #expect(try await append(event("granted", fixture, scopes: "a b")).withdrawnAt == nil)
    #expect(try await append(event("denied", fixture, shown: "a")).withdrawnAt == nil, "a part stands")
    var row = try await append(event("denied", fixture, shown: "b"))
    #expect(row.withdrawnAt == fixture.now(), "nothing stands")
    row = try await append(event("objected", fixture))
    let objectedAt = fixture.now()
    #expect(row.objectedAt == objectedAt && row.withdrawnAt == objectedAt)
    for kind in ["revoked", "denied", "granted", "requested", "expired"] {
      row = try await append(event(kind, fixture, scopes: "c"))
      #expect(row.objectedAt == objectedAt, "\(kind)")
    }
    var consent = event("granted", fixture, scopes: "c")
    consent.legalBasis = "legitimate_interest"
    consent.actor = "operator"
    #expect(try await append(consent).objectedAt == objectedAt, "nobody takes it back for them")
    consent.actor = "subscriber"
    row = try await append(consent)
    #expect(row.objectedAt == nil && row.status == "expired" && row.withdrawnAt != nil)
    _ = try await append(event("granted", fixture, scopes: "c"))
    #expect(try await append(event("objected", fixture)).status == "objected")
    row = try await append(consent)
    #expect(
      row.status == "pending" && !row.isAwaited && !row.isWithdrawable(at: fixture.now()), "what was agreed to before is over")
  }

  @Test("an id that is another record's is refused, and that record stays as it is")
  func foreignID() async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    let row = try await consents.append(event("granted", fixture, scopes: "a"))
    let other = ClientID(rawValue: "client-2")!
    await #expect(throws: StoreError.constraint("consents.id is another record's")) {
      try await consents.append(event("revoked", fixture, client: other))
    }
    #expect(try consents.record(row.id) == row)
    #expect(try consents.events(of: row.id).map(\.kind) == ["granted"])
    #expect(try consents.record(subject: subject, client: other, purpose: purpose) == nil)
  }

  @Test(
    "with a consent master, whose ids may be anything, a new record has an id of its own and each withdrawal waits for the master"
  )
  func masterIDs() async throws {
    let fixture = try Fixture()
    let consents = SQLiteConsentStore(database: fixture.database, hasMaster: true)
    let clients = ["client-1", "client-2"].map { ClientID(rawValue: $0)! }
    for client in clients { try await consents.append(event("revoked", fixture, id: "m-1", client: client)) }
    let rows = try clients.map { try #require(try consents.record(subject: subject, client: $0, purpose: purpose)) }
    #expect(rows.map(\.status) == ["revoked", "revoked"])
    #expect(Set(rows.map(\.id)).union([ConsentID(rawValue: "m-1")!]).count == 3)
    for client in clients {
      let waiting = try fixture.stores.consentOutbox.waiting(subject: subject, client: client, purpose: purpose)
      #expect(waiting.map(\.kind) == ["revoked"])
    }
  }

  @Test("a grant of nothing is a denial")
  func nothing() async throws {
    let fixture = try Fixture()
    #expect(try await fixture.stores.consents.append(event("granted", fixture)).status == "denied")
  }

  @Test(
    "what was withdrawn, objected to or ran out leaves nothing to a new decision",
    arguments: ["revoked", "objected", "expired", "clock"])
  func fresh(end: String) async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    try await consents.append(event("granted", fixture, scopes: "a b", categories("imei"), expiresIn: 100))
    if end == "clock" { fixture.time.advance(seconds: 100) } else { try await consents.append(event(end, fixture)) }
    let row = try await consents.append(
      event("granted", fixture, scopes: "c", categories("tac"), shown: "c", shownCategories: categories("tac"), expiresIn: 500))
    #expect(row.scopes == scopes("c"))
    #expect(row.categories == categories("tac"))
    #expect(row.expiresAt == fixture.now(plus: 500))
  }

  @Test("a withdrawal keeps what it was about to be read, and a question changes nothing")
  func revoked() async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    #expect(try await consents.append(event("requested", fixture)).status == "pending")
    try await consents.append(event("granted", fixture, scopes: "a"))
    #expect(try await consents.append(event("requested", fixture)).status == "granted")
    let row = try await consents.append(event("revoked", fixture))
    #expect(row.status == "revoked")
    #expect(row.scopes == scopes("a"))
    #expect(try consents.events(of: row.id).map(\.kind) == ["requested", "granted", "requested", "revoked"])
  }

  @Test("the row is always the sum of its events, whatever their order")
  func sum() async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      let kind = ConsentEventRow.kinds.randomElement(using: &generator)!
      let names = ["a", "b", "c"].filter { _ in Bool.random() }.joined(separator: " ")
      let shown = Bool.random() ? ["a", "b", "c"].filter { _ in Bool.random() }.joined(separator: " ") : nil
      let shownCategories = Bool.random() ? categories("imei") : nil
      let event = event(
        kind, fixture, scopes: names, categories("imei", "tac").filter { _ in Bool.random() }, shown: shown,
        shownCategories: shownCategories, expiresIn: Bool.random() ? Int64.random(in: 1...50) : nil)
      let row = try await consents.append(event)
      let sum = try consents.events(of: row.id).reduce(nil as ConsentRow?) { ConsentRow.adding($1, to: $0) }
      #expect(sum == row)
      #expect(row.status != "granted" || !row.scopes.isEmpty)
      fixture.time.advance(seconds: Double.random(in: 0...10))
    }
  }

  @Test("search by subject, client, purpose and status, in pages")
  func search() async throws {
    let fixture = try Fixture()
    let consents = fixture.stores.consents
    for number in 0..<10 {
      let other = ClientID(rawValue: "client-\(number)")!
      try await consents.append(
        event("granted", fixture, id: "consent-\(number)", scopes: "a", expiresIn: number < 4 ? 10 : 1000, client: other))
    }
    try await consents.append(event("revoked", fixture, client: ClientID(rawValue: "client-9")!))
    fixture.time.advance(seconds: 10)
    func ids(_ filter: ConsentFilter) throws -> [String] { try consents.search(filter).map { String($0.id.rawValue.suffix(1)) } }
    #expect(try ids(ConsentFilter(subject: subject)).count == 10)
    #expect(try ids(ConsentFilter(status: "granted")) == ["4", "5", "6", "7", "8"])
    #expect(try ids(ConsentFilter(status: "expired")) == ["0", "1", "2", "3"])
    #expect(try ids(ConsentFilter(client: ClientID(rawValue: "client-9"), status: "revoked")) == ["9"])
    #expect(try ids(ConsentFilter(subject: subject, purpose: Purpose(rawValue: "dpv:Other"))).isEmpty)
    #expect(try ids(ConsentFilter(limit: 3)) == ["0", "1", "2"])
    #expect(try ids(ConsentFilter(limit: 3, after: ConsentID(rawValue: "consent-2"))) == ["3", "4", "5"])
  }
}

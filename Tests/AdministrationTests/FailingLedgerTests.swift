import Foundation
import Identifiers
import Store
import Testing

@testable import Administration

/// What an administrator does while the ledger cannot be written: nothing that gives more, and all that gives less.
@Suite struct FailingLedgerTests {
  @Test func nothingThatGivesMoreIsDoneWithoutItsEntry() async throws {
    let world = try World()
    let added = await world.send("POST", "/clients", World.client("a"))
    #expect(added.status == 201, "\(added.text)")
    #expect(await world.send("POST", "/clients/a/disable").status == 200)
    let kid = world.signingKid
    world.disk.isFull.store(true, ordering: .relaxed)
    #expect(await world.send("POST", "/clients/a/enable").status == 503)
    #expect(await world.send("POST", "/clients", World.client("b")).status == 503)
    #expect(await world.send("POST", "/clients?replace=true", World.client("a", name: "Another")).status == 503)
    #expect(await world.send("POST", "/keys/rotate").status == 503)
    #expect(try world.isEnabled("a") == false && world.isEnabled("b") == nil)
    #expect(try world.stores.clients.client(ClientID(rawValue: "a")!)?.name == "A client")
    #expect(world.signingKid == kid)

    world.disk.isFull.store(false, ordering: .relaxed)
    #expect(await world.send("POST", "/clients/a/enable").status == 200)
    #expect(await world.send("POST", "/keys/rotate").status == 200)
    #expect(try world.isEnabled("a") == true && world.signingKid != kid)
    #expect(
      world.events().filter { $0 != "ledger.recovered" } == [
        "admin.client_added", "admin.client_disabled", "admin.client_enabled", "key.rotated",
      ])
  }

  @Test func whatGivesLessHoldsAndSaysSo() async throws {
    let world = try World()
    #expect(await world.send("POST", "/clients", World.client("a")).status == 201)
    world.disk.isFull.store(true, ordering: .relaxed)
    let answer = await world.send("POST", "/clients/a/disable")
    #expect(answer.status == 503 && answer.text.contains("is disabled"))
    #expect(try world.isEnabled("a") == false)
  }

  /// A line of an import; the client is "a".
  private static func line(_ number: String) -> String {
    """
    { "dry_run": false, "lines": [ { "line": 1, "record": { "phone_number": "\(number)", "client_id": "a",
      "purpose": "dpv:FraudPreventionAndDetection", "events": [ { "event": "granted", "time": "2026-01-31T12:00:00Z",
      "scopes": ["device-identifier:retrieve-type"], "categories": ["device-make-model"] } ] } } ] }
    """
  }

  @Test func whatIsImportedIsInTheLedgerFirst() async throws {
    let world = try World()
    #expect(await world.send("POST", "/clients", World.client("a")).status == 201)
    world.disk.isFull.store(true, ordering: .relaxed)
    #expect(await world.send("POST", "/consents/import", Self.line("+33639980001")).status == 503)
    #expect(try world.stores.consents.search(ConsentFilter()).isEmpty)
    world.disk.isFull.store(false, ordering: .relaxed)
    let taken = await world.send("POST", "/consents/import", Self.line("+33639980001"))
    #expect(taken.status == 200 && taken.text.contains(#""added":1"#), "\(taken.text)")
    #expect(try world.stores.consents.search(ConsentFilter()).map(\.status) == ["granted"])
  }

  @Test func manyWithdrawalsHoldAndNameThoseWithoutAnEntry() async throws {
    let world = try World()
    #expect(await world.send("POST", "/clients", World.client("a")).status == 201)
    for index in 1...40 {
      #expect(await world.send("POST", "/consents/import", Self.line("+3363998\(1000 + index)")).status == 200)
    }
    world.disk.isFull.store(true, ordering: .relaxed)
    let answer = await world.send("POST", "/consents/revoke", #"{"client_id":"a","reason":"ended"}"#)
    let revoked = try world.stores.consents.search(ConsentFilter(status: "revoked")).map(\.id.rawValue)
    #expect(answer.status == 503 && !revoked.isEmpty && revoked.count < 40, "what comes after is not begun")
    #expect(revoked.allSatisfy(answer.text.contains), "\(answer.text)")
    world.disk.isFull.store(false, ordering: .relaxed)
    let rest = await world.send("POST", "/consents/revoke", #"{"client_id":"a","reason":"ended"}"#)
    #expect(rest.status == 200 && rest.text.contains(#""count":\#(40 - revoked.count),"#), "\(rest.text)")
  }

  @Test func nobodyIsErasedWithoutAnEntry() async throws {
    let world = try World()
    let number = MSISDN(e164: "+33639980001")!
    let subject = try await world.stores.subjects.findOrCreate(number)
    let body = #"{"subject":"tel:+33639980001","reason":"article 17"}"#
    world.disk.isFull.store(true, ordering: .relaxed)
    #expect(await world.send("POST", "/subjects/erase", body).status == 503)
    #expect(try world.stores.subjects.pseudonym(of: number) == subject)
    world.disk.isFull.store(false, ordering: .relaxed)
    #expect(await world.send("POST", "/subjects/erase", body).status == 200)
    #expect(try world.stores.subjects.pseudonym(of: number) == nil)
    #expect(world.events().filter { $0.hasPrefix("subject") } == ["subject.erased"])
    #expect(await world.send("POST", "/subjects/erase", body).status == 404)
  }

  @Test func ofTwoThatAddOneClientAtOnceOneIsTold() async throws {
    let world = try World()
    let statuses = await withTaskGroup(of: Int.self) { group in
      for index in 0..<8 {
        group.addTask { await world.send("POST", "/clients", World.client("a", name: "Client \(index)")).status }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(statuses.sorted() == [201] + Array(repeating: 409, count: 7))
    // Who had looked before the first was there is in the ledger, with its failure.
    let events = world.events()
    #expect(events.count { $0 == "admin.client_added" } == events.count { $0 == "admin.client_added failed" } + 1)
  }

  @Test(arguments: ["%+5", "%-0", "%g0", "%", "%1"]) func aBrokenEscapeIsRefused(_ text: String) async throws {
    #expect(await (try World()).send("GET", "/clients/" + text).status == 400)
  }

  @Test func limitsAreToldAndNotCut() async throws {
    let world = try World()
    #expect(await world.send("GET", "/consents?limit=10000").status == 200)
    #expect(await world.send("GET", "/consents?limit=10001").status == 400)
    let long = String(repeating: "x", count: 201)
    let objection = #"{"subject":"tel:+33639980001","client_id":"a","purpose":"dpv:Marketing","reason":"\#(long)"}"#
    #expect(await world.send("POST", "/consents/object", objection).status == 400)
  }
}

import Bytes
import Foundation
import Ledger
import Store
import Testing

@testable import Administration

@Suite("Health")
struct HealthTests {
  @Test("a gateway that was told to stop is not ready, and still alive")
  func stopping() throws {
    let folder = NSTemporaryDirectory() + "passerelle-health-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let ledger = try LedgerWriter(directory: folder + "/ledger", time: SystemTime())
    let database = try Database(path: folder + "/store.sqlite", time: SystemTime())
    defer {
      ledger.close()
      database.close()
    }
    let draining = Draining()
    let health = Health(ledger: ledger, database: database, draining: draining, details: { [("ledger_index", "why not")] })
    func told() -> String { String(decoding: health.ready().body, as: UTF8.self) }
    #expect(
      health.ready().status == 200 && told().contains(#""status":"ready""#) && told().contains(#""ledger_index":"why not""#))
    draining.begin()
    #expect(health.ready().status == 503 && told().contains(#""status":"stopping""#))
    #expect(health.alive().status == 200)
  }
}

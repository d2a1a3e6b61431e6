import Bytes
import Consent
import Foundation
import Identifiers
import JOSE
import Store
import Synchronization
import Testing
import Wire

@testable import ConsentMaster

/// A master that has no records, and says so once it may.
private final class SlowMaster: RequestHandler {
  let mayAnswer = Atomic<Bool>(false)
  let asked = Atomic<Int>(0)

  func bodyBytesMaximum(_ exchange: Exchange) -> Int? { nil }
  func reject(_ exchange: Exchange, _ rejection: HTTPRejection) { exchange.send(HTTPResponse(status: rejection.status)) }
  func handle(_ exchange: Exchange) {
    exchange.answer { [self] _ in
      asked.add(1, ordering: .relaxed)
      while !mayAnswer.load(ordering: .acquiring) { try? await Task.sleep(for: .milliseconds(1)) }
      return .json(200, Array("{\"version\": 1, \"records\": []}".utf8))
    }
  }
}

/// Many questions at a time.
@Suite struct MasterQuestionsTests {
  private let group: EventLoopGroup
  private let stores: Stores
  private let server = SlowMaster()
  private let listener: Listener
  private let master: ConsentMaster

  init() throws {
    group = try EventLoopGroup(count: 2, time: SystemTime())
    listener = try Listener(address: "127.0.0.1", port: 0, group: group, handler: server, limits: ServerLimits())
    group.start()
    listener.start()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("questions-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    stores = Stores(
      database: try Database(path: folder.appendingPathComponent("store.sqlite").path, time: SystemTime()),
      lookup: HMACKey([UInt8](repeating: 1, count: 32)), sealing: SealingKey([UInt8](repeating: 2, count: 32)),
      hasConsentMaster: true)
    var settings = ConsentMasterSettings(address: try #require(WebAddress("http://127.0.0.1:\(listener.port)/")))
    settings.requestsMaximum = 1
    settings.timeoutMilliseconds = 60_000
    master = ConsentMaster.make(
      settings, tls: try TLSClientContext(caFile: nil), loop: group.loops[0], stores: stores, changes: ChangeBoard(),
      time: SystemTime(), complain: { _ in })
  }

  @Test func thoseBeyondTheOnesUnderWayWaitAndTheirNumberIsLimited() async throws {
    let records = master.records
    var (refused, answered) = (0, 0)
    // One under way, sixteen that wait, and three too many.
    try await withThrowingTaskGroup(of: MasterFailure?.self) { group in
      for number in 0..<20 {
        let subject = try await stores.subjects.findOrCreate(MSISDN(e164: "+336399800\(10 + number)")!)
        let key = ConsentKey(
          subject: subject, client: ClientID(rawValue: "bank")!, purpose: Purpose(rawValue: "dpv:FraudPreventionAndDetection")!)
        group.addTask {
          do {
            let row = try await records.row(key, stamp: 0)
            #expect(row == nil)
            return nil
          } catch let failure as MasterFailure { return failure }
        }
      }
      for try await failure in group {
        if let failure {
          #expect(failure == .tooManyQuestions)
          refused += 1
        } else {
          answered += 1
        }
        // Nobody is answered before the last three were refused.
        if refused == 3 { server.mayAnswer.store(true, ordering: .releasing) }
      }
    }
    #expect(refused == 3 && answered == 17 && server.asked.load(ordering: .relaxed) == 17)
  }
}

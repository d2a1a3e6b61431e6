import Bytes
import Foundation
import Ledger
import Synchronization
import Testing

@testable import passerelle

@Suite("The place of a stream")
struct LedgerStreamTests {
  /// Takes everything.
  private final class Sink: StreamSink, Sendable {
    let taken = Mutex<[UInt64]>([])
    func send(_ rows: [LedgerRow]) { taken.withLock { $0 += rows.map(\.sequence) } }
  }

  /// A ledger of ten entries, and a stream of it that begins at a place.
  private final class World: Sendable {
    let folder = NSTemporaryDirectory() + "passerelle-stream-" + UUID().uuidString
    let sink = Sink()
    let stream: LedgerStream

    init(place: String) throws {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let writer = try LedgerWriter(directory: folder + "/ledger", time: ManualTime())
      for _ in 0..<10 { try writer.appendNow(LedgerEntry(event: "api.call")) }
      writer.close()
      try place.write(toFile: folder + "/place.json", atomically: true, encoding: .utf8)
      stream = LedgerStream(
        name: "s", ledgerFolder: folder + "/ledger", file: folder + "/place.json", lastSequence: { 10 },
        makeSink: { [sink] in sink })
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func wait(for condition: (LedgerStream.State) -> Bool) -> Bool {
      for _ in 0..<1000 {
        if condition(stream.state) { return true }
        usleep(10_000)
      }
      return false
    }
  }

  @Test("a place whose offset is another entry's sends nothing twice, and nothing crashes")
  func offset() throws {
    let world = try World(place: #"{"seq":7,"segment":"000000000001.jsonl","offset":0}"#)
    world.stream.start()
    #expect(world.wait { $0.sentUpTo == 10 })
    world.stream.stop()
    #expect(world.sink.taken.withLock { $0 } == [8, 9, 10])
    #expect(world.stream.state.missed == 0 && world.stream.state.fault == nil)
  }

  @Test("a place behind the ledger's end is a fault that is said, and nothing is sent")
  func ahead() throws {
    let world = try World(place: #"{"seq":5000,"segment":"000000000001.jsonl","offset":0}"#)
    world.stream.start()
    #expect(world.wait { $0.fault != nil })
    world.stream.stop()
    #expect(world.stream.state.fault?.contains("entry 5000 was sent, and it ends at 10") == true)
    #expect(world.sink.taken.withLock { $0 }.isEmpty)
  }
}

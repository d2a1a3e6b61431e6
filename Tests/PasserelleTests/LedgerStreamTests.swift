import Bytes
import Dispatch
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

    func another(_ name: String, makeSink: @escaping @Sendable () throws -> any StreamSink) -> LedgerStream {
      LedgerStream(
        name: name, ledgerFolder: folder + "/ledger", file: folder + "/\(name).json", lastSequence: { 10 }, makeSink: makeSink)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func wait(for condition: (LedgerStream.State) -> Bool) -> Bool { LedgerStreamTests.eventually { condition(stream.state) } }
  }

  fileprivate static func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<1000 {
      if condition() { return true }
      usleep(10_000)
    }
    return false
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

  /// Says when its stream has ended.
  private final class EndingSink: StreamSink {
    let ended: DispatchSemaphore
    init(_ ended: DispatchSemaphore) { self.ended = ended }
    deinit { ended.signal() }
    func send(_ rows: [LedgerRow]) {}
  }

  /// Has its batch taken once the other stream has ended.
  private final class WaitingSink: StreamSink, Sendable {
    let (begun, other) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let sawTheEnd = Mutex(false)
    func send(_ rows: [LedgerRow]) {
      begun.signal()
      let outcome = other.wait(timeout: .now() + 10)
      sawTheEnd.withLock { $0 = outcome == .success }
    }
  }

  @Test("all streams are told to stop before one is waited for")
  func stop() throws {
    let world = try World(place: "")
    let waiting = WaitingSink()
    let first = world.another("first") { waiting }
    let second = world.another("second") { EndingSink(waiting.other) }
    second.start()
    #expect(Self.eventually { second.state.sentUpTo == 10 })
    first.start()
    waiting.begun.wait()
    LedgerStreams.stop([first, second])
    #expect(waiting.sawTheEnd.withLock { $0 })
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

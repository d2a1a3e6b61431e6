import Bytes
import Foundation
import Identifiers
import Ledger
import Store
import Synchronization
import Testing

/// A directory of a test's own, gone when the tests are.
struct Folder: Sendable {
  private static let made = Mutex<[String]>([])
  private static let cleaning: Void = {
    atexit { for path in Folder.made.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) } }
  }()

  let path: String
  var ledger: String { path + "/ledger" }
  var database: String { path + "/passerelle.sqlite" }

  init() {
    let path = NSTemporaryDirectory() + "passerelle-test-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    Self.made.withLock { $0.append(path) }
    _ = Self.cleaning
    self.path = path
  }

  /// The ledger's segments, oldest first.
  var segments: [String] {
    try! FileManager.default.contentsOfDirectory(atPath: ledger).filter { $0.hasSuffix(".jsonl") }.sorted()
  }

  func text(_ segment: String) -> String { String(decoding: bytes(segment), as: UTF8.self) }
  func bytes(_ name: String) -> [UInt8] { [UInt8](try! Data(contentsOf: URL(fileURLWithPath: ledger + "/" + name))) }
  func lines(_ segment: String) -> [String] { text(segment).split(separator: "\n").map(String.init) }

  func write(_ text: String, _ segment: String) { write(Array(text.utf8), segment) }
  /// In place: the same file, as somebody with an editor for bytes would.
  func write(_ bytes: [UInt8], _ name: String) {
    let descriptor = open(ledger + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    precondition(descriptor >= 0 && Foundation.write(descriptor, bytes, bytes.count) == bytes.count)
    close(descriptor)
  }
  func write(lines: [String], _ segment: String) { write(lines.map { $0 + "\n" }.joined(), segment) }

  func verify(expected: [LedgerPosition] = []) throws -> LedgerVerification.Report {
    try LedgerVerification.verify(directory: ledger, expected: expected)
  }

  func all() throws -> [LedgerRow] { try LedgerSearch(directory: ledger, filter: LedgerFilter(limit: 1_000_000)).run() }
}

let time = ManualTime(Timestamp(rfc3339: "2026-03-10T12:00:00Z")!)

/// A closed ledger with that many calls in it.
func ledger(_ count: Int, options: LedgerOptions = LedgerOptions()) throws -> Folder {
  let folder = Folder()
  let writer = try LedgerWriter(directory: folder.ledger, time: time, options: options)
  for number in 0..<count { try writer.appendNow(call(number)) }
  writer.close()
  return folder
}

func call(
  _ number: Int, client: String = "client-1", decision: String = "allowed", status: Int = 200, subject: String = "subject-1"
) -> LedgerEntry {
  LedgerEntry(
    event: "api.call", clientID: client, subject: subject, api: "device-identifier", operation: "retrieveIdentifier",
    scopes: ["device-identifier:retrieve-identifier"], purpose: "dpv:FraudPreventionAndDetection", legalBasis: "consent",
    consentID: "consent-1", decision: decision, categories: ["imei"], status: status, upstreamStatus: 200,
    durationMicroseconds: 1234, correlator: "correlator-\(number)", requestBytes: 100, responseBytes: 200)
}

func members(_ entry: LedgerEntry) -> [UInt8] {
  var bytes: [UInt8] = []
  entry.encode(into: &bytes)
  return bytes
}

/// A disk that does what the test says.
final class Disk: FileFaults {
  struct State {
    var write: WriteFault?
    var synchronize: Int32?
    var truncate: Int32?
    var create: Int32?
    /// How many more operations work before the faults begin.
    var good = 0
    var synchronizations = 0
    /// While set, a flush waits: the writer is kept busy, and what comes meanwhile waits for its next batch.
    var holds = false
    var isHeld = false
  }

  let state = Mutex(State())

  func set(_ change: @Sendable (inout State) -> Void) { state.withLock { change(&$0) } }
  func heal() { state.withLock { $0 = State(synchronizations: $0.synchronizations) } }

  /// Runs the body while the writer is in the middle of a flush.
  func whileFlushing(_ loop: FakeLoop, _ body: () -> Void) {
    set { $0.holds = true }
    loop.run { loop.append(-1, members(call(0))) }
    while !state.withLock({ $0.isHeld }) { usleep(1000) }
    loop.run(body)
    set { $0.holds = false }
  }

  private func next<Fault>(_ fault: (State) -> Fault?) -> Fault? {
    state.withLock { state in
      guard let fault = fault(state) else { return nil }
      guard state.good == 0 else {
        state.good -= 1
        return nil
      }
      return fault
    }
  }

  func beforeWrite(byteCount: Int) -> WriteFault? { next(\.write) }
  func beforeSynchronize() -> Int32? {
    state.withLock { $0.synchronizations += 1 }
    while state.withLock({
      $0.isHeld = $0.holds; return $0.holds
    }) { usleep(1000) }
    return next(\.synchronize)
  }
  func beforeTruncate() -> Int32? { next(\.truncate) }
  func beforeCreate() -> Int32? { next(\.create) }
}

/// What an event loop is to a lane: one thread of its own, here a serial queue.
final class FakeLoop: @unchecked Sendable {
  let queue = DispatchQueue(label: "loop")
  private(set) var lane: LedgerLane!
  /// What was settled, in order; confined to the queue.
  private(set) var settled: [(number: Int, durable: Bool)] = []
  private(set) var notifications = 0
  var onSettled: (@Sendable (Int, Bool) -> Void)?

  private final class Ticket: LedgerTicket {
    let number: Int
    let loop: FakeLoop
    init(_ number: Int, _ loop: FakeLoop) {
      self.number = number
      self.loop = loop
    }
    func ledgerSettled(_ durable: Bool) {
      loop.settled.append((number, durable))
      loop.onSettled?(number, durable)
    }
  }

  init(_ writer: LedgerWriter) {
    lane = writer.makeLane { [weak self, queue] in
      queue.async { [weak self] in
        guard let self else { return }  // the test is over
        self.notifications += 1
        self.lane?.drain()
      }
    }
  }

  /// On the queue.
  func append(_ number: Int, _ bytes: [UInt8], usage: UsageMark = .unknown, wakes: Bool = true) {
    lane.append(members: bytes.span, usage: usage, ticket: Ticket(number, self), wakes: wakes)
  }

  func run(_ body: () -> Void) { queue.sync(execute: body) }

  /// Waits until that many are settled; false when it takes longer than ten seconds.
  func wait(for count: Int) -> Bool {
    for _ in 0..<10_000 {
      if queue.sync(execute: { settled.count >= count }) { return true }
      usleep(1000)
    }
    return false
  }
}

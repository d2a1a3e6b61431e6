import Bytes
import Glibc
import JOSE
import Store

/// The chain and its files, one batch at a time. Confined to the writer's thread.
///
/// Either a whole batch is durable, or nothing of it is left and number and chain stand where they stood: a disk that comes
/// back finds a chain without a gap.
final class LedgerLog {
  /// The last durable entry.
  private(set) var position: LedgerPosition
  private let directory: String
  private let options: LedgerOptions
  private let faults: (any FileFaults)?
  private let time: any TimeSource
  /// What was written is counted here too.
  let usage: LiveUsage
  private var lock: LedgerLock
  private var head: LedgerHead.File
  private var segment: SegmentFile?
  /// Monotonic, for the age of a segment.
  private var segmentBegan: UInt64
  private var lookedAt: UInt64

  // The batch that is being put together.
  private var output: [UInt8] = []
  private var stamp: [UInt8] = []
  private var sequence: UInt64
  private var hash: Digest32
  private var marks: [UsageMark] = []
  private var hour = 0
  private var hex = [UInt8](repeating: 0x30, count: 64)

  /// Between two looks whether the directory is still the one at its path: one more system call per batch would show.
  private static let lookNanoseconds: UInt64 = 1_000_000_000

  init(
    directory: String, recovered: LedgerRecovery.State, lock: LedgerLock, options: LedgerOptions, time: any TimeSource,
    faults: (any FileFaults)?
  ) throws(LedgerError) {
    self.directory = directory
    self.options = options
    self.faults = faults
    self.time = time
    self.lock = lock
    head = try LedgerHead.File(directory: directory)
    if let kept = recovered.segment {
      let file = try SegmentFile.open(directory: directory, name: kept.name, length: kept.length, faults: faults)
      try file.cutBack()
      segment = file
    }
    position = LedgerPosition(
      sequence: recovered.sequence, segment: recovered.segment?.name ?? "", offset: recovered.segment?.length ?? 0,
      hash: recovered.hash)
    usage = LiveUsage(at: position)
    sequence = recovered.sequence
    hash = recovered.hash
    segmentBegan = time.monotonicNanoseconds()
    lookedAt = segmentBegan
  }

  /// Begins a batch: all its entries carry this time.
  func begin() {
    output.removeAll(keepingCapacity: true)
    stamp.removeAll(keepingCapacity: true)
    marks.removeAll(keepingCapacity: true)
    let now = time.now()
    now.append(to: &stamp)
    hour = Int(now.seconds) / 3600
    (sequence, hash) = (position.sequence, position.hash)
  }

  /// Adds an entry to the batch; nil when it cannot be a line.
  func add(_ members: Span<UInt8>, usage: UsageMark) -> UInt64? {
    // Encoders escape every control character; a newline here is a fault of the program and must not become two lines (A33).
    guard members.count > 0, members.count <= LedgerLine.membersBytesMaximum,
      members.firstIndex(of: LedgerLine.newline) == nil
    else { return nil }
    let start = output.count
    sequence += 1
    LedgerLine.write(hash, into: &hex)
    LedgerLine.append(sequence: sequence, time: stamp, members: members, previous: hex, to: &output)
    hash = SHA256.digest(output, from: start)
    output.append(LedgerLine.newline)
    marks.append(usage)
    return sequence
  }

  /// Makes the batch durable.
  func commit() throws(LedgerError) {
    guard sequence > position.sequence else { return }
    let now = time.monotonicNanoseconds()
    if now &- lookedAt > Self.lookNanoseconds {
      try stayInPlace()
      lookedAt = now
    }
    try chooseSegment(now)
    guard let segment else { throw .notWritten(reason: "there is no segment to write to") }
    do {
      try segment.append(output, flushes: options.durability == .durable)
    } catch {
      // Before the next batch: is the file still there, and still ours?
      lookedAt = now &- Self.lookNanoseconds &- 1
      throw error
    }
    position = LedgerPosition(sequence: sequence, segment: segment.name, offset: segment.length, hash: hash)
    head.write(position)
    usage.add(marks, hour: hour, to: position)
    if output.capacity > 8 << 20 { output = [] }
  }

  private func chooseSegment(_ now: UInt64) throws(LedgerError) {
    if let segment, segment.length > 0 {
      let isFull = segment.length + output.count > options.segmentBytesMaximum
      let isOld = now &- segmentBegan > UInt64(options.segmentSecondsMaximum) * 1_000_000_000
      guard isFull || isOld else { return }
      if !segment.isClean { try segment.cutBack() }
      if options.durability != .durable { try segment.flush() }
    } else if segment != nil {
      return
    }
    segment = try SegmentFile.create(directory: directory, first: position.sequence + 1, faults: faults)
    segmentBegan = now
  }

  /// When the directory was moved away, removed or replaced: goes on in what is at its path now, when that fits the chain.
  private func stayInPlace() throws(LedgerError) {
    if !lock.isInPlace {
      lock = try LedgerLock(directory: directory)
      head = try LedgerHead.File(directory: directory)
    }
    guard let old = segment, !old.isInPlace else { return }
    segment = nil
    guard old.length > 0, let reader = try? SegmentReader(directory: directory, name: old.name),
      let line = try? reader.lineEnding(at: old.length), line.sequence == position.sequence, line.hash == position.hash
    else { return }  // what is there is not ours: a new segment, named by the next number
    segment = try SegmentFile.open(directory: directory, name: old.name, length: old.length, faults: faults)
  }
}

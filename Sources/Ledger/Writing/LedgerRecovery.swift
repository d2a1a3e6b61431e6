import Bytes
import Glibc
import JOSE
import Store

/// Finds out, at the start, where the ledger ends, and what a crash left behind.
///
/// Only bytes behind the last durable entry are ever cut, and even they are kept beside the segment (`....cut-OFFSET`). Damage
/// before that place is evidence: it is left as it is, the chain goes on in a new segment, and an entry says so. Nothing of
/// this is hidden: each case leaves an entry in the chain, and verification shows it.
struct LedgerRecovery {
  /// What the writer goes on from.
  struct State {
    var sequence: UInt64 = 0
    var hash = LedgerPosition.start.hash
    /// The segment to go on in and its good bytes; nil: a new one.
    var segment: (name: String, length: Int)?
    /// Numbers up to this one may have been given out to entries that cannot be read any more.
    var skipTo: UInt64 = 0
    /// What has to be said about it.
    var notes: [LedgerEntry] = []
  }

  let directory: String
  let head: LedgerPosition?

  init(directory: String) {
    self.directory = directory
    head = LedgerHead.read(directory)
  }

  func run() throws(LedgerError) -> State {
    var state = State()
    var isNewest = true
    for name in try Segments.list(directory).reversed() {
      let found = try scan(name)
      if isNewest {
        try settle(name, found, &state)
      } else if found.length < found.fileBytes {
        noteDamage(name, found, &state)
      }
      isNewest = false
      // Without a good line (empty, or torn in its first) the chain's end is in the segment before.
      guard found.sequence == 0 else {
        (state.sequence, state.hash) = (found.sequence, found.hash)
        break
      }
    }
    try compareWithHead(&state)
    // An empty segment serves only when its name is the number that comes next.
    if let segment = state.segment, segment.length == 0, segment.name != Segments.name(first: state.sequence + 1) {
      state.segment = nil
    }
    return state
  }

  private struct Found {
    var sequence: UInt64 = 0
    var hash = LedgerPosition.start.hash
    var length = 0
    var fileBytes = 0
  }

  /// Walks the lines of a segment as far as they are good. From the head when the head fits the file, which spares reading all.
  private func scan(_ name: String) throws(LedgerError) -> Found {
    var found = Found()
    var reader = try SegmentReader(directory: directory, name: name)
    found.fileBytes = reader.fileBytes
    if let head, head.segment == name, let line = try reader.lineEnding(at: head.offset), line.sequence == head.sequence,
      line.hash == head.hash
    {
      (found.sequence, found.hash, found.length) = (head.sequence, head.hash, head.offset)
      reader = try SegmentReader(directory: directory, name: name, from: head.offset)
    }
    while case .line = try reader.advance() {
      guard let frame = LedgerLine.frame(of: reader.line) else { break }
      if found.sequence == 0 {
        guard frame.sequence == Segments.firstSequence(of: name) else { break }
      } else {
        guard frame.sequence == found.sequence + 1, LedgerLine.follows(reader.line, frame, found.hash) else { break }
      }
      found.sequence = frame.sequence
      found.hash = SHA256.digest(reader.line)
      found.length = reader.lineEnd
    }
    return found
  }

  /// Decides about what stands behind the last good line of the newest segment.
  private func settle(_ name: String, _ found: Found, _ state: inout State) throws(LedgerError) {
    let rest = found.fileBytes - found.length
    guard rest > 0 else {
      state.segment = (name, found.length)
      return
    }
    // Behind the last durable entry there is only what nobody was told was written: a torn line, or pages out of order.
    // Without a head only a line without its end can be that; whole lines that do not fit were damaged by something else.
    let isUnacknowledged: Bool
    if let head {
      isUnacknowledged = lastGood(name, found) >= head.sequence
    } else {
      isUnacknowledged = try newlineCount(name, from: found.length) == 0
    }
    guard isUnacknowledged else { return noteDamage(name, found, &state) }
    let kept = try keep(name, from: found.length, byteCount: rest)
    state.segment = (name, found.length)
    state.notes.append(
      LedgerEntry(
        event: "ledger.repaired", reason: "unfinished_end",
        detail: [
          .init("segment", name), .init("offset", String(found.length)), .init("bytes_cut", String(rest)), .init("kept_in", kept),
        ]))
  }

  /// The number before the first line that is not good.
  private func lastGood(_ name: String, _ found: Found) -> UInt64 {
    found.sequence > 0 ? found.sequence : (Segments.firstSequence(of: name) ?? 1) - 1
  }

  private func noteDamage(_ name: String, _ found: Found, _ state: inout State) {
    state.segment = nil
    // The numbers of the lines that cannot be read are not given out again.
    let unreadable = (try? newlineCount(name, from: found.length)) ?? 0
    state.skipTo = max(state.skipTo, lastGood(name, found) + unreadable)
    state.notes.append(
      LedgerEntry(
        event: "ledger.damaged", reason: "unreadable_entries",
        detail: [
          .init("segment", name), .init("offset", String(found.length)), .init("bytes", String(found.fileBytes - found.length)),
        ]))
  }

  /// Entries that were durable and are not there any more: the chain goes on behind them, with the gap to see for everyone.
  private func compareWithHead(_ state: inout State) throws(LedgerError) {
    if let head, head.sequence > max(state.sequence, state.skipTo) {
      state.notes.append(
        LedgerEntry(
          event: "ledger.lost", reason: "entries_missing",
          detail: [.init("first_missing", String(state.sequence + 1)), .init("last_missing", String(head.sequence))]))
      (state.sequence, state.hash, state.segment) = (head.sequence, head.hash, nil)
    } else if state.skipTo > state.sequence {
      state.sequence = state.skipTo
      if let head, head.sequence == state.skipTo { state.hash = head.hash }
    }
  }

  private func newlineCount(_ name: String, from offset: Int) throws(LedgerError) -> UInt64 {
    let reader = try SegmentReader(directory: directory, name: name)
    var (place, count) = (offset, UInt64(0))
    while true {
      let bytes = try reader.bytes(from: place, to: place + (1 << 20))
      guard !bytes.isEmpty else { return count }
      count += UInt64(bytes.count { $0 == LedgerLine.newline })
      place += bytes.count
    }
  }

  /// Copies the bytes that will be cut into a file of their own; gives its name.
  private func keep(_ name: String, from offset: Int, byteCount: Int) throws(LedgerError) -> String {
    let keptName = "\(name).cut-\(offset)"
    let reader = try SegmentReader(directory: directory, name: name)
    let descriptor = open(directory + "/" + keptName, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .cannotOpen(path: keptName, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var place = offset
    while place < offset + byteCount {
      let bytes = try reader.bytes(from: place, to: min(place + (1 << 20), offset + byteCount))
      guard !bytes.isEmpty else { break }
      guard write(descriptor, bytes, bytes.count) == bytes.count else {
        throw .cannotOpen(path: keptName, reason: "cannot keep what must be cut: \(String(cString: strerror(errno)))")
      }
      place += bytes.count
    }
    guard fsync(descriptor) == 0 else {
      throw .cannotOpen(path: keptName, reason: "cannot keep what must be cut: \(String(cString: strerror(errno)))")
    }
    return keptName
  }
}

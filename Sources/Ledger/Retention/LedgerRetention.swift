import Bytes
import Glibc
import JOSE
import Store
import Synchronization

/// Removes what is older than it may become: whole sealed segments from the beginning of the ledger, never a part of one.
///
/// First an entry says what goes, then a signed mark (`RetentionMark`), then the files go. A crash in between leaves either everything, or
/// files that the mark has given up already and that the next pass removes. Seals stay, and usage was counted before. Safe from any thread.
public final class LedgerRetention: Sendable {
  /// What goes, or would go.
  public struct Report: Sendable, Equatable {
    public var segments: [String] = []
    public var bytes = 0
    /// The numbers of the first and the last entry; nil when nothing goes.
    public var entries: ClosedRange<UInt64>?
    /// Why the next segment stays.
    public var stays: String?
  }

  private let directory: String
  private let key: SigningKey
  private let time: any TimeSource
  private let days: Int
  private let countedSequence: @Sendable () throws -> UInt64
  private let note: @Sendable (LedgerEntry) throws -> Void
  private let pass = Mutex(())

  /// - Parameters:
  ///   - key: the audit key.
  ///   - days: entries that are older go. 1 or more.
  ///   - countedSequence: up to where usage is counted; what is not counted stays.
  ///   - note: makes an entry durable, blocking.
  public init(
    directory: String, key: SigningKey, time: any TimeSource, days: Int, countedSequence: @escaping @Sendable () throws -> UInt64,
    note: @escaping @Sendable (LedgerEntry) throws -> Void
  ) {
    precondition(days > 0)
    self.directory = directory
    self.key = key
    self.time = time
    self.days = days
    self.countedSequence = countedSequence
    self.note = note
  }

  /// What a run would remove now. Blocks; never on a loop.
  ///
  /// - Throws: `LedgerError` when the ledger cannot be read, or its mark is not by the audit key.
  public func plan() throws -> Report { try pass.withLock { _ in try planned().report } }

  /// Removes what is due. Blocks; never on a loop.
  ///
  /// - Throws: as `plan`, and when entry or mark cannot be made durable; nothing was removed then.
  @discardableResult
  public func run() throws -> Report {
    try pass.withLock { _ in
      try removeLeftovers()
      let (report, last) = try planned()
      guard let last, let entries = report.entries else { return report }
      try note(
        LedgerEntry(
          event: "ledger.retained", reason: "retention",
          detail: [
            .init("days", String(days)), .init("removed_first", String(entries.lowerBound)),
            .init("removed_last", String(entries.upperBound)), .init("segments", String(report.segments.count)),
            .init("last_seal", last.seal.digest),
          ]))
      let mark = try RetentionMark(
        last: last.seal.last, segment: last.seal.segment, hash: last.hash, seal: last.seal.digest, days: days, time: time.now(),
        key: key)
      try mark.write(to: directory)
      try remove(report.segments)
      return report
    }
  }

  private struct Last {
    var seal: Seal
    var hash: Digest32
  }

  private func planned() throws -> (report: Report, last: Last?) {
    var report = Report()
    var last: Last?
    let cutoff = time.now().adding(seconds: -Int64(days) * 86_400)
    let counted = try countedSequence()
    let mark = try mark()
    for segment in try Segments.list(directory).dropLast() {
      if let mark, let first = Segments.firstSequence(of: segment), first <= mark.last { continue }
      let reader = try SegmentReader(directory: directory, name: segment)
      guard let text = SealFiles.read(directory, segment: segment), let seal = Seal(text: text, key: key.verificationKey) else {
        report.stays = "\(segment) is not sealed yet"
        break
      }
      guard let (row, hash) = try Self.lastEntry(reader), row.sequence == seal.last else {
        report.stays = "\(segment) is not what was sealed"
        break
      }
      guard row.time < cutoff else {
        report.stays = "\(segment) has entries up to \(row.time.rfc3339)"
        break
      }
      guard seal.last <= counted else {
        report.stays = "\(segment) is not counted into usage yet"
        break
      }
      report.segments.append(segment)
      report.bytes += reader.fileBytes
      report.entries = (report.entries?.lowerBound ?? seal.first)...seal.last
      last = Last(seal: seal, hash: hash)
    }
    return (report, last)
  }

  private func mark() throws -> RetentionMark? {
    switch RetentionMark.read(directory, key: key.verificationKey) {
    case .none: return nil
    case .mark(let mark): return mark
    case .forged:
      throw LedgerError.malformed(segment: RetentionMark.fileName, offset: 0, reason: RetentionMark.forgedReason)
    }
  }

  /// What a run that was interrupted had given up.
  private func removeLeftovers() throws {
    guard let mark = try mark() else { return }
    try remove(Segments.list(directory).filter { (Segments.firstSequence(of: $0) ?? .max) <= mark.last })
  }

  private func remove(_ segments: [String]) throws {
    for segment in segments {
      unlink(IndexFormat.path(directory, segment: segment))
      guard unlink(directory + "/" + segment) == 0 || errno == ENOENT else {
        throw SegmentFile.failure("cannot remove \(segment)", errno)
      }
    }
    if !segments.isEmpty { try SegmentFile.synchronizeDirectory(directory) }
  }

  private static func lastEntry(_ reader: SegmentReader) throws(LedgerError) -> (row: LedgerRow, hash: Digest32)? {
    let size = reader.fileBytes
    let bytes = try reader.bytes(from: max(0, size - LedgerLine.bytesMaximum), to: size)
    guard bytes.last == LedgerLine.newline else { return nil }
    let begin = bytes.dropLast().lastIndex(of: LedgerLine.newline).map { $0 + 1 } ?? 0
    let line = Array(bytes[begin..<bytes.count - 1])
    return LedgerRow(line: line.span).map { ($0, SHA256.digest(line)) }
  }
}

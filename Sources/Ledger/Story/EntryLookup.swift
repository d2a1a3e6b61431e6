import Bytes
import Glibc
import JOSE

/// Finds one entry by its number: its segment is known by its name, and read to the line.
public enum EntryLookup {
  /// Nil when there is no such entry. Blocks for as long as a segment takes; never on a loop.
  public static func entry(directory: String, sequence: UInt64) throws(LedgerError) -> LedgerRow? {
    guard let name = try Segments.list(directory).last(where: { (Segments.firstSequence(of: $0) ?? .max) <= sequence }) else {
      return nil
    }
    let reader = try SegmentReader(directory: directory, name: name)
    while case .line = try reader.advance() {
      guard let frame = LedgerLine.frame(of: reader.line), frame.sequence == sequence else { continue }
      return LedgerRow(line: reader.line)
    }
    return nil
  }
}

/// A ledger on its disk.
public struct LedgerVolume: Sendable, Equatable {
  public var segmentCount: Int
  /// Of all segments.
  public var bytes: Int
  /// That are free for the gateway on the file system; nil when it does not say.
  public var freeBytes: Int?
  /// The newest seal that the key made.
  public var lastSeal: Seal?

  public static func read(directory: String, key: VerificationKey) throws(LedgerError) -> LedgerVolume {
    let names = try Segments.list(directory)
    var bytes = 0
    for name in names {
      var status = stat()
      if stat(directory + "/" + name, &status) == 0 { bytes += Int(status.st_size) }
    }
    var system = statvfs()
    let isKnown = statvfs(directory, &system) == 0
    let seal = SealFiles.sealedSegments(directory).last.flatMap { SealFiles.read(directory, segment: $0) }
    return LedgerVolume(
      segmentCount: names.count, bytes: bytes, freeBytes: isKnown ? Int(system.f_bavail) * Int(system.f_frsize) : nil,
      lastSeal: seal.flatMap { Seal(text: $0, key: key) })
  }
}

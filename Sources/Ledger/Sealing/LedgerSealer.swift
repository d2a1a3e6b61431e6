import Bytes
import JOSE
import Store
import Synchronization

/// Seals each segment once it is closed: when another has begun after it, nothing is added to it any more.
///
/// Works beside the writer and needs nothing from it; a crash between the steps costs nothing, for what is not
/// sealed is sealed at the next pass. Safe from any thread.
public final class LedgerSealer: Sendable {
  private let directory: String
  private let key: SigningKey
  private let time: any TimeSource
  private let sealed: @Sendable (Seal) -> Void
  private let pass = Mutex(())

  /// - Parameter sealed: told of each seal after it is durable, on the thread that seals: to note it.
  public init(
    directory: String, key: SigningKey, time: any TimeSource, sealed: @escaping @Sendable (Seal) -> Void = { _ in }
  ) {
    self.directory = directory
    self.key = key
    self.time = time
    self.sealed = sealed
  }

  /// Seals every closed segment that has no seal yet, oldest first. Blocks; never on a loop.
  ///
  /// - Throws: `LedgerError` when a segment cannot be read, is not what a segment is, or the seal before is not ours; nothing after that
  ///   place is sealed then, for a seal says that all before it is in order.
  @discardableResult
  public func sealClosedSegments() throws -> [Seal] {
    try pass.withLock { _ in
      var made: [Seal] = []
      let segments = try Segments.list(directory)
      var previous = try lastRemovedSeal(segments) ?? Seal.beginning
      for segment in segments.dropLast() {
        if let text = SealFiles.read(directory, segment: segment) {
          guard let seal = Seal(text: text, key: key.verificationKey) else {
            throw LedgerError.malformed(segment: segment, offset: 0, reason: "its seal is not by the audit key")
          }
          previous = seal.digest
          continue
        }
        let seal = try seal(segment, previous)
        try SealFiles.write(seal, to: SealFiles.directory(of: directory))
        sealed(seal)
        made.append(seal)
        previous = seal.digest
      }
      return made
    }
  }

  /// The digest of the last seal whose segment was removed by retention.
  private func lastRemovedSeal(_ segments: [String]) throws -> String? {
    guard let first = segments.first else { return nil }
    let removed = SealFiles.sealedSegments(directory).last { Segments.isAfter(first, $0) }
    guard let removed else { return nil }
    guard let seal = SealFiles.read(directory, segment: removed).flatMap({ Seal(text: $0, key: key.verificationKey) }) else {
      throw LedgerError.malformed(segment: removed, offset: 0, reason: "its seal is not by the audit key")
    }
    return seal.digest
  }

  private func seal(_ segment: String, _ previous: String) throws -> Seal {
    guard let first = Segments.firstSequence(of: segment) else {
      throw LedgerError.malformed(segment: segment, offset: 0, reason: "its name is not that of a segment")
    }
    var tree = MerkleTree()
    let reader = try SegmentReader(directory: directory, name: segment)
    while case .line = try reader.advance() { tree.append(reader.line) }
    guard tree.leafCount > 0 else { throw LedgerError.malformed(segment: segment, offset: 0, reason: "it is empty") }
    return try Seal(
      segment: segment, first: first, last: first + UInt64(tree.leafCount) - 1, root: tree.root, previous: previous,
      time: time.now(), key: key)
  }
}

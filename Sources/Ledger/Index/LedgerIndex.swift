import Bytes
import Glibc
import JOSE

/// The indexes of a ledger's closed segments: made from the ledger, checked against it, never needed for an answer to be right.
///
/// Safe from any thread and from several processes: an index is made whole under another name and put in its place.
public final class LedgerIndex: Sendable {
  public let directory: String
  private let key: HMACKey

  /// - Parameter key: authenticates what an index says. Another key than before: all are made anew.
  public init(directory: String, key: HMACKey) {
    self.directory = directory
    self.key = key
  }

  /// What one segment's index is worth.
  public enum State: Sendable, Hashable {
    case good
    case missing
    /// Of another state of the segment, damaged, or altered.
    case unfit
    /// It says something else than the segment.
    case wrong
    /// The segment holds what is no entry; it is read line by line.
    case notIndexable(String)
  }

  /// The index of a closed segment, made first where there is no good one. Nil where none can be made: a segment that is not what a
  /// segment is, or a folder that cannot be written.
  func opened(_ segment: String, makes: Bool) throws(LedgerError) -> SegmentIndex? {
    if let index = try SegmentIndex(directory: directory, segment: segment, key: key) { return index }
    guard makes, (try? make(segment)) != nil else { return nil }
    return try SegmentIndex(directory: directory, segment: segment, key: key)
  }

  /// One that turned out to be damaged is made anew; when that fails, it is made at the next question.
  func replace(_ segment: String) {
    unlink(IndexFormat.path(directory, segment: segment))
    try? make(segment)
  }

  private func make(_ segment: String) throws(LedgerError) {
    var builder = try IndexBuilder(directory: directory, segment: segment, key: key)
    try builder.write(directory: directory, segment: segment)
  }

  /// Makes what is missing, newest segment first. Blocks: about two seconds for a segment of 256 MiB.
  ///
  /// - Parameter isCancelled: asked before each segment.
  /// - Returns: the number of indexes made.
  /// - Throws: `LedgerError` when the ledger cannot be read or the index cannot be written.
  @discardableResult
  public func makeMissing(isCancelled: () -> Bool = { false }) throws(LedgerError) -> Int {
    var count = 0
    for segment in try Segments.list(directory).dropLast().reversed() {
      guard !isCancelled() else { break }
      if try SegmentIndex(directory: directory, segment: segment, key: key) != nil { continue }
      do throws(LedgerError) {
        try make(segment)
        count += 1
      } catch {
        // A segment that cannot be indexed is a matter for verification; the others are indexed all the same.
        guard case .malformed = error else { throw error }
      }
    }
    try removeStray()
    return count
  }

  /// Compares each index with what its segment would give now, byte for byte. Reads the whole ledger.
  ///
  /// - Parameter tell: told of each closed segment, oldest first.
  public func check(_ tell: (_ segment: String, State) -> Void) throws(LedgerError) {
    for segment in try Segments.list(directory).dropLast() { tell(segment, try state(of: segment)) }
  }

  private func state(of segment: String) throws(LedgerError) -> State {
    var builder: IndexBuilder
    do throws(LedgerError) { builder = try IndexBuilder(directory: directory, segment: segment, key: key) } catch {
      guard case .malformed(_, let offset, let reason) = error else { throw error }
      return .notIndexable("byte \(offset): \(reason)")
    }
    guard access(IndexFormat.path(directory, segment: segment), F_OK) == 0 else { return .missing }
    guard try SegmentIndex(directory: directory, segment: segment, key: key) != nil else { return .unfit }
    let wanted = builder.encoded()
    return Self.contents(of: IndexFormat.path(directory, segment: segment), count: wanted.count + 1) == wanted ? .good : .wrong
  }

  /// Makes every index anew.
  ///
  /// - Parameter tell: told of each closed segment, oldest first, with what became of it: `good` or `notIndexable`.
  /// - Throws: `LedgerError` when the ledger cannot be read or the index cannot be written.
  public func rebuild(_ tell: (_ segment: String, State) -> Void) throws(LedgerError) {
    for segment in try Segments.list(directory).dropLast() {
      do throws(LedgerError) {
        try make(segment)
        tell(segment, .good)
      } catch {
        guard case .malformed(_, let offset, let reason) = error else { throw error }
        unlink(IndexFormat.path(directory, segment: segment))
        tell(segment, .notIndexable("byte \(offset): \(reason)"))
      }
    }
    try removeStray()
  }

  /// Indexes of segments that are not there any more.
  private func removeStray() throws(LedgerError) {
    let segments = Set(try Segments.list(directory))
    for name in FolderListing.names(IndexFormat.folder(of: directory)) where name.hasSuffix(IndexFormat.suffix) {
      let segment = String(name.dropLast(IndexFormat.suffix.count))
      if Segments.firstSequence(of: segment) != nil, !segments.contains(segment) {
        unlink(IndexFormat.path(directory, segment: segment))
      }
    }
  }

  private static func contents(of path: String, count: Int) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      // Sound: the array has room for what is left of it.
      let read = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress! + done, count - done) }
      if read < 0, errno == EINTR { continue }
      guard read > 0 else { break }
      done += read
    }
    return Array(bytes[..<done])
  }
}

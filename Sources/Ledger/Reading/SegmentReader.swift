import Bytes
import Glibc
import JOSE

/// Reads one segment line by line with one buffer. Belongs to one thread at a time.
final class SegmentReader {
  enum Step {
    /// `line` is the next one.
    case line
    /// Nothing complete is left; so many bytes stand after the last newline.
    case end(unfinishedBytes: Int)
    /// No newline within the length that a line may have.
    case overlong
  }

  private static let bufferCount = 4 * LedgerLine.bytesMaximum

  let name: String
  /// Where the line begins and where it ends, behind its newline.
  private(set) var lineStart: Int
  private(set) var lineEnd: Int
  private let descriptor: Int32
  private let buffer: UnsafeMutablePointer<UInt8>
  /// The bytes in the buffer that were read and not consumed: `start..<end`; `start` is `lineEnd` in the file.
  private var start = 0
  private var end = 0

  init(directory: String, name: String, from offset: Int = 0) throws(LedgerError) {
    self.name = name
    descriptor = open(directory + "/" + name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .cannotOpen(path: directory + "/" + name, reason: String(cString: strerror(errno)))
    }
    buffer = .allocate(capacity: Self.bufferCount)
    lineStart = offset
    lineEnd = offset
  }

  deinit {
    close(descriptor)
    buffer.deallocate()
  }

  /// The line without its newline; good until the next `advance`.
  var line: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let count = max(0, lineEnd - lineStart - 1)
      // Sound: the line stands in the buffer just before `start` and is not moved until the next `advance`.
      return unsafe _overrideLifetime(Span(_unsafeStart: buffer + (start - (lineEnd - lineStart)), count: count), borrowing: self)
    }
  }

  /// Goes to the next line. At the end it may be called again later: the file may have grown.
  func advance() throws(LedgerError) -> Step {
    lineStart = lineEnd
    var searched = start
    while true {
      if searched < end, let found = unsafe memchr(buffer + searched, Int32(LedgerLine.newline), end - searched) {
        let newline = unsafe UnsafeRawPointer(found) - UnsafeRawPointer(buffer)
        lineStart = lineEnd
        lineEnd += newline + 1 - start
        start = newline + 1
        return .line
      }
      guard end - start < LedgerLine.bytesMaximum else { return .overlong }
      let unfinished = end - start
      if start > 0 {
        unsafe memmove(buffer, buffer + start, unfinished)
        (start, end) = (0, unfinished)
      }
      searched = end
      let count = pread(descriptor, buffer + end, Self.bufferCount - end, lineEnd + unfinished)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw .cannotOpen(path: name, reason: String(cString: strerror(errno)))
      }
      guard count > 0 else {
        // What is unfinished is read again the next time: a writer that failed may have cut it and written something else.
        (start, end) = (0, 0)
        return .end(unfinishedBytes: unfinished)
      }
      end += count
    }
  }

  /// The file's bytes from one place to another; fewer at its end.
  func bytes(from: Int, to: Int) throws(LedgerError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: max(0, to - from))
    var done = 0
    while done < bytes.count {
      // Sound: the array has room for what is left of it.
      let count = unsafe bytes.withUnsafeMutableBytes {
        unsafe pread(descriptor, $0.baseAddress! + done, $0.count - done, from + done)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .cannotOpen(path: name, reason: String(cString: strerror(errno))) }
      if count == 0 { break }
      done += count
    }
    return Array(bytes[..<done])
  }

  /// The line that ends at a place, newline included: its number and hash. Nil when no line of a ledger ends there.
  func lineEnding(at offset: Int) throws(LedgerError) -> (sequence: UInt64, hash: Digest32)? {
    let bytes = try bytes(from: max(0, offset - LedgerLine.bytesMaximum), to: offset)
    guard bytes.last == LedgerLine.newline, bytes.count == min(offset, LedgerLine.bytesMaximum) else { return nil }
    let begin = bytes.dropLast().lastIndex(of: LedgerLine.newline).map { $0 + 1 } ?? 0
    let line = bytes.span.extracting(begin..<bytes.count - 1)
    guard let frame = LedgerLine.frame(of: line) else { return nil }
    return (frame.sequence, SHA256.digest(line))
  }

  var fileBytes: Int {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
  }
}

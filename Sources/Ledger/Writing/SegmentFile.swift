import Glibc

/// One segment, open for appending. Confined to the writer's thread.
///
/// There is no preallocation: space that is only reserved gained nothing (50 µs for a flush with and without), and space
/// filled with zeros gained a fifth but would show as garbage to everyone who reads the files.
final class SegmentFile {
  let name: String
  let path: String
  /// Bytes that are known to be good: all of them durable entries.
  private(set) var length: Int
  /// False when bytes may stand after `length` that must be cut before anything is added.
  private(set) var isClean = true
  private let descriptor: Int32
  private let faults: (any FileFaults)?

  private init(directory: String, name: String, descriptor: Int32, length: Int, faults: (any FileFaults)?) {
    self.name = name
    path = directory + "/" + name
    self.descriptor = descriptor
    self.length = length
    self.faults = faults
  }

  deinit { close(descriptor) }

  /// Makes a new segment, and makes its name durable.
  static func create(directory: String, first sequence: UInt64, faults: (any FileFaults)?) throws(LedgerError) -> SegmentFile {
    let name = Segments.name(first: sequence)
    if let fault = faults?.beforeCreate() { throw failure("cannot make a segment", fault) }
    // O_EXCL: a segment is never begun over another. One without a byte is left from a start that got no further.
    let path = directory + "/" + name
    let flags: Int32 = O_RDWR | O_APPEND | O_CLOEXEC
    var descriptor = Glibc.open(path, flags | O_CREAT | O_EXCL, 0o600)
    if descriptor < 0, errno == EEXIST {
      descriptor = Glibc.open(path, flags)
      var status = stat()
      if descriptor >= 0, fstat(descriptor, &status) != 0 || status.st_size != 0 {
        Glibc.close(descriptor)
        throw .notWritten(reason: "a segment of the next name is there already")
      }
    }
    guard descriptor >= 0 else { throw failure("cannot make a segment", errno) }
    let file = SegmentFile(directory: directory, name: name, descriptor: descriptor, length: 0, faults: faults)
    try synchronizeDirectory(directory)
    return file
  }

  /// Opens an existing segment whose first `length` bytes are good; what stands after them is cut at the next write.
  static func open(
    directory: String, name: String, length: Int, faults: (any FileFaults)?
  ) throws(LedgerError) -> SegmentFile {
    let descriptor = Glibc.open(directory + "/" + name, O_RDWR | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { throw .cannotOpen(path: name, reason: String(cString: strerror(errno))) }
    let file = SegmentFile(directory: directory, name: name, descriptor: descriptor, length: length, faults: faults)
    guard let status = file.status(), Int(status.st_size) >= length else {
      throw .notWritten(reason: "the segment is shorter than it was")
    }
    file.isClean = Int(status.st_size) == length
    return file
  }

  /// Adds bytes and flushes them: all of them are durable afterwards, or the file is as before (or will be cut before the next
  /// use, when not even that works now).
  func append(_ bytes: [UInt8], flushes: Bool) throws(LedgerError) {
    do throws(LedgerError) {
      if !isClean { try cutBack() }
      isClean = false
      try write(bytes)
      if flushes { try synchronize() }
      // One look at the file finds that it was removed, or that somebody else wrote or cut: none of that may pass as durable.
      guard let status = status(), status.st_nlink > 0, Int(status.st_size) == length + bytes.count else {
        throw LedgerError.notWritten(reason: "the segment was removed or changed by somebody else")
      }
      length += bytes.count
      isClean = true
    } catch {
      // A flush that failed may have dropped pages without a trace, so nothing of the batch is kept, whatever did arrive.
      try? cutBack()
      throw error
    }
  }

  /// Cuts what stands after the good bytes.
  func cutBack() throws(LedgerError) {
    if let fault = faults?.beforeTruncate() { throw Self.failure("cannot cut an unfinished batch", fault) }
    guard let status = status() else { throw Self.failure("cannot look at the segment", errno) }
    guard Int(status.st_size) >= length else { throw .notWritten(reason: "the segment is shorter than it was") }
    guard Int(status.st_size) > length else {
      isClean = true
      return
    }
    guard ftruncate(descriptor, length) == 0 else { throw Self.failure("cannot cut an unfinished batch", errno) }
    try synchronize()
    isClean = true
  }

  /// True when the path still leads to this file: the directory was not moved or replaced.
  var isInPlace: Bool {
    var there = stat()
    guard let here = status(), stat(path, &there) == 0 else { return false }
    return here.st_ino == there.st_ino && here.st_dev == there.st_dev
  }

  private func write(_ bytes: [UInt8]) throws(LedgerError) {
    var written = 0
    while written < bytes.count {
      var count = bytes.count - written
      var fault: Int32?
      switch faults?.beforeWrite(byteCount: count) {
      case .fails(let number): throw Self.failure("write failed", number)
      case .partial(let taken, let number): (count, fault) = (min(taken, count), number)
      case .short(let taken): count = max(1, min(taken, count))
      case nil: break
      }
      // Sound: the array outlives the call, and the range is within it.
      let result = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress! + written, count) }
      if let fault { throw Self.failure("write failed", fault) }
      if result < 0, errno == EINTR { continue }
      guard result > 0 else { throw Self.failure("write failed", result == 0 ? ENOSPC : errno) }
      written += result
    }
  }

  private func synchronize() throws(LedgerError) {
    if let fault = faults?.beforeSynchronize() { throw Self.failure("flush failed", fault) }
    guard fdatasync(descriptor) == 0 else { throw Self.failure("flush failed", errno) }
  }

  /// Flushes what a relaxed ledger left to the system; before a segment is left for the next one.
  func flush() throws(LedgerError) { try synchronize() }

  private func status() -> stat? {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? status : nil
  }

  static func synchronizeDirectory(_ directory: String) throws(LedgerError) {
    let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("cannot open the directory", errno) }
    defer { Glibc.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("cannot flush the directory", errno) }
  }

  static func failure(_ what: String, _ number: Int32) -> LedgerError {
    .notWritten(reason: "\(what): \(String(cString: strerror(number)))")
  }
}

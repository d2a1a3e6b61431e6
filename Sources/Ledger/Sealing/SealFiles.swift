import Bytes
import Glibc

/// The files of seals, beside the segments.
enum SealFiles {
  static func directory(of ledger: String) -> String { ledger + "/" + Seal.directoryName }

  /// The text of a segment's seal; nil when it has none.
  static func read(_ ledger: String, segment: String) -> String? {
    let path = directory(of: ledger) + "/" + segment + Seal.suffix
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return nil }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// Puts a seal into a directory, whole or not at all, and never over another.
  ///
  /// - Throws: `LedgerError` when it cannot be written, or when another seal of that name is there.
  static func write(_ seal: Seal, to directory: String) throws(LedgerError) {
    guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw failure(directory) }
    let (path, temporary) = (directory + "/" + seal.fileName, directory + "/." + seal.fileName + ".new")
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure(temporary) }
    defer {
      close(descriptor)
      unlink(temporary)
    }
    let bytes = Array((seal.text + "\n").utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else { throw failure(path) }
    // A link, not a rename: what is sealed stays sealed as it was.
    guard link(temporary, path) == 0 || errno == EEXIST else { throw failure(path) }
    try SegmentFile.synchronizeDirectory(directory)
  }

  static func exists(_ seal: Seal, in directory: String) -> Bool { access(directory + "/" + seal.fileName, F_OK) == 0 }

  /// The segments that have a seal, oldest first.
  static func sealedSegments(_ ledger: String) -> [String] {
    guard let stream = opendir(directory(of: ledger)) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      // Sound: the entry is the stream's own and ends with NUL; it is read before the next call.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      guard name.hasSuffix(Seal.suffix) else { continue }
      let segment = String(name.dropLast(Seal.suffix.count))
      if Segments.firstSequence(of: segment) != nil { names.append(segment) }
    }
    return names.sorted { Segments.isAfter($1, $0) }
  }

  private static func failure(_ path: String) -> LedgerError {
    .cannotOpen(path: path, reason: String(cString: strerror(errno)))
  }
}

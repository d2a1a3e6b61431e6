import Bytes
import Glibc

/// A key file that cannot be used, and what to do.
public struct KeyFileError: Error, CustomStringConvertible, Equatable {
  public let file: String
  public let reason: String

  public init(file: String, reason: String) {
    self.file = file
    self.reason = reason
  }

  public var description: String { "\(file): \(reason)" }
}

/// Files that hold secrets: mode 0600 in folders of mode 0700, replaced as a whole, refused when others can read them.
public enum KeyFile {
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// - Throws: `KeyFileError` when it cannot be told whether the file is there: what cannot be reached is not missing.
  static func isMissing(_ path: String) throws(KeyFileError) -> Bool {
    guard access(path, F_OK) != 0 else { return false }
    guard errno == ENOENT else { throw KeyFileError(file: path, reason: text(errno)) }
    return true
  }

  /// The names in a folder; none when it cannot be read.
  static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      names.append(unsafe withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names
  }

  /// When a file was last written.
  static func changed(_ path: String) throws(KeyFileError) -> Timestamp {
    var entry = stat()
    guard stat(path, &entry) == 0 else { throw KeyFileError(file: path, reason: text(errno)) }
    return Timestamp(seconds: Int64(entry.st_mtim.tv_sec))
  }

  /// Takes a file away that is of no use any more; one that stays does no harm.
  static func remove(_ path: String) { unlink(path) }

  /// Makes the folder, and those above it, with mode 0700; one that is there stays as it is.
  public static func makeDirectory(_ path: String) throws(KeyFileError) {
    guard !exists(path) else { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try makeDirectory(String(path[..<slash])) }
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw KeyFileError(file: path, reason: text(errno)) }
  }

  /// - Throws: `KeyFileError` when the file cannot be read, is not a plain file, or can be read by group or others.
  public static func read(_ path: String) throws(KeyFileError) -> [UInt8] {
    // Not to wait for a writer, should it be a pipe.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw KeyFileError(file: path, reason: text(errno)) }
    defer { close(descriptor) }
    var entry = stat()
    guard fstat(descriptor, &entry) == 0 else { throw KeyFileError(file: path, reason: text(errno)) }
    guard entry.st_mode & S_IFMT == S_IFREG else { throw KeyFileError(file: path, reason: "is not a plain file") }
    guard entry.st_mode & 0o077 == 0 else {
      throw KeyFileError(file: path, reason: "can be read by others; make it private with: chmod 600 \(path)")
    }
    guard entry.st_size <= 65_536 else { throw KeyFileError(file: path, reason: "is too large for a key") }
    var bytes = [UInt8](repeating: 0, count: Int(entry.st_size))
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw KeyFileError(file: path, reason: "could not be read whole") }
      filled += count
    }
    return bytes
  }

  /// Replaces the file: after a crash there is the old one or the new one, whole, and durable when this returns.
  public static func write(_ bytes: [UInt8], to path: String) throws(KeyFileError) {
    let temporary = path + ".new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw KeyFileError(file: path, reason: text(errno)) }
    defer {
      close(descriptor)
      // Renamed by now, unless something failed: then no copy of the secret stays.
      unlink(temporary)
    }
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + filled, $0.count - filled) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw KeyFileError(file: path, reason: text(errno)) }
      filled += count
    }
    guard fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw KeyFileError(file: path, reason: text(errno)) }
    try syncFolder(of: path)
  }

  /// A renamed file is durable when its folder is.
  private static func syncFolder(of path: String) throws(KeyFileError) {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw KeyFileError(file: folder, reason: text(errno)) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw KeyFileError(file: folder, reason: text(errno)) }
  }

  private static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}

extension SigningKey {
  /// Loads a private key from a PEM file that only its owner can read.
  ///
  /// - Parameter algorithm: which of RSA's two is meant; nil takes the key's own.
  public static func load(file: String, algorithm: SignatureAlgorithm? = nil) throws(KeyFileError) -> SigningKey {
    let bytes = try KeyFile.read(file)
    do { return try SigningKey(pemPrivateKey: bytes, algorithm: algorithm) } catch {
      throw KeyFileError(file: file, reason: "\(error)")
    }
  }

  /// Writes the key as a PEM file of mode 0600, replaced as a whole.
  public func save(to file: String) throws(KeyFileError) {
    let bytes: [UInt8]
    do { bytes = try pem() } catch { throw KeyFileError(file: file, reason: "\(error)") }
    try KeyFile.write(bytes, to: file)
  }
}

import Glibc

/// Files of configuration and data, with errors that name the file and what to do.
enum Files {
  /// - Throws: `CommandFailure` that names the file and the reason.
  static func read(_ path: String, bytesMaximum: Int = 16 << 20) throws(CommandFailure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandFailure("\(path): \(reason())") }
    defer { close(descriptor) }
    return try read(descriptor, named: path, bytesMaximum: bytesMaximum)
  }

  /// What comes over standard input until its end.
  static func readStandardInput(bytesMaximum: Int) throws(CommandFailure) -> [UInt8] {
    try read(STDIN_FILENO, named: "standard input", bytesMaximum: bytesMaximum)
  }

  private static func read(_ descriptor: Int32, named path: String, bytesMaximum: Int) throws(CommandFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw CommandFailure("\(path): \(reason())") }
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= bytesMaximum else { throw CommandFailure("\(path): larger than \(bytesMaximum) bytes") }
    }
  }

  /// Replaces a file as a whole: a reader sees the old one or the new one.
  static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws(CommandFailure) {
    let temporary = path + ".new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw CommandFailure("\(path): \(reason())") }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw CommandFailure("\(path): \(reason())") }
      rest = rest.dropFirst(count)
    }
    guard fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw CommandFailure("\(path): \(reason())") }
  }

  /// The names in a folder, sorted; those that begin with a dot are not there.
  static func names(in folder: String) throws(CommandFailure) -> [String] {
    guard let directory = opendir(folder) else { throw CommandFailure("\(folder): \(reason())") }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Makes a folder and those above it.
  static func makeFolder(_ path: String, mode: mode_t = 0o700) throws(CommandFailure) {
    guard !exists(path) else { return }
    let parent = folder(of: path)
    if parent != path { try makeFolder(parent, mode: mode) }
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw CommandFailure("\(path): \(reason())") }
  }

  /// Removes a folder with all that is in it.
  static func removeTree(_ path: String) throws(CommandFailure) {
    var entry = stat()
    guard lstat(path, &entry) == 0 else { return }
    if entry.st_mode & S_IFMT == S_IFDIR, let stream = opendir(path) {
      defer { closedir(stream) }
      while let next = readdir(stream) {
        let name = withUnsafeBytes(of: &next.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != "." && name != ".." { try removeTree(path + "/" + name) }
      }
    }
    guard remove(path) == 0 else { throw CommandFailure("\(path): \(reason())") }
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// A path as it stands when it is absolute, otherwise within the folder.
  static func path(_ path: String, in folder: String) -> String { path.hasPrefix("/") ? path : folder + "/" + path }

  /// The path from the root, links resolved; the path itself when there is no such file.
  static func absolute(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}

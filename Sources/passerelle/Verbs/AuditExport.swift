import Bytes
import Glibc
import Ledger

/// `audit export --format jsonl|csv|ocsf|ecs`: every matching entry, oldest first.
enum AuditExport {
  static func run(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "export")
    let name = arguments.value("--format") ?? ExportFormat.jsonl.rawValue
    guard let format = ExportFormat(rawValue: name) else {
      throw UsageError("--format wants \(ExportFormat.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let configuration = try Command.configuration(arguments)
    let filter = try AuditSearch.filter(arguments, configuration)
    let file = try ExportFile(arguments.value("--output"))
    try file.write(format.header)
    var count = 0
    if let filter {
      // What is not durable yet may still be taken back.
      let last = LedgerPlace.end(of: configuration.ledgerFolder).sequence
      let search = try LedgerSearch(
        directory: configuration.ledgerFolder, filter: filter, index: AuditSearch.index(configuration))
      var bytes: [UInt8] = []
      try search.forEach { row in
        guard row.sequence <= last else { return false }
        format.append(row, to: &bytes)
        count += 1
        if bytes.count > 1 << 16 {
          try file.write(bytes)
          bytes.removeAll(keepingCapacity: true)
        }
        return true
      }
      try file.write(bytes)
    }
    try file.finish()
    if let path = arguments.value("--output") { Output.line("\(count) entries are in \(path)") }
  }
}

/// Standard output, or a file that is there as a whole or not at all.
private final class ExportFile {
  private let descriptor: Int32
  private let path: String?
  private var temporary: String { (path ?? "") + ".new" }

  init(_ path: String?) throws(CommandFailure) {
    self.path = path
    guard let path else {
      descriptor = STDOUT_FILENO
      return
    }
    unlink(path + ".new")
    descriptor = open(path + ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw CommandFailure("\(path): \(String(cString: strerror(errno)))") }
  }

  deinit {
    guard path != nil else { return }
    close(descriptor)
    unlink(temporary)
  }

  func write(_ bytes: [UInt8]) throws(CommandFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw CommandFailure("\(path ?? "standard output"): \(String(cString: strerror(errno)))") }
      rest = rest.dropFirst(count)
    }
  }

  func finish() throws(CommandFailure) {
    guard let path else { return }
    guard fsync(descriptor) == 0, rename(temporary, path) == 0 else {
      throw CommandFailure("\(path): \(String(cString: strerror(errno)))")
    }
  }
}

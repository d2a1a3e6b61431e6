import Administration
import Bytes
import Glibc

/// `passerelle consents export` and `import`: records with their histories, one line of JSON each.
enum ConsentFiles {
  private static let exportedAtOnce = 1000
  /// What one import request may hold: lines, and bytes below the admin listener's own limit.
  private static let linesMaximum = 500
  private static let bytesMaximum = 512 << 10

  static func export(_ arguments: Arguments) async throws {
    _ = try arguments.positional(exactly: 1, "nothing")
    let client = try AdminClient(Command.configuration(arguments))
    defer { client.close() }
    let output = arguments.value("--output")
    let file = try output.map { try NewFile($0) }
    var (count, after) = (0, "")
    while true {
      let query =
        "?limit=\(exportedAtOnce)&numbers=\(arguments.flag("--with-numbers"))" + (after.isEmpty ? "" : "&after=" + after)
      let rows = try await client.send("GET", "/consents/export" + query).root.array ?? []
      var lines: [UInt8] = []
      for row in rows { lines += row.raw + [0x0A] }
      if let file { try file.append(lines) } else { Output.bytes(lines) }
      count += rows.count
      guard rows.count == exportedAtOnce, let last = rows.last?["id"]?.string else { break }
      after = Command.encode(last)
    }
    try file?.finish()
    if let output { Output.line("\(output): \(count) consents") }
  }

  static func `import`(_ arguments: Arguments) async throws {
    let path = try arguments.positional(exactly: 2, "the file")[1]
    let lines = try LineReader(path, lineBytesMaximum: bytesMaximum)
    let client = try AdminClient(Command.configuration(arguments))
    defer { client.close() }
    var result = ConsentImportResult()
    var batch: [(line: Int, record: [UInt8])] = []
    var byteCount = 0
    while let (number, line) = try lines.next() {
      // What is no JSON is refused here, with its line like everything else.
      if let fault = Self.fault(line, path) {
        result.refused.append((number, fault))
        continue
      }
      if !batch.isEmpty, batch.count == linesMaximum || byteCount + line.count > bytesMaximum {
        try await send(batch, client, arguments, &result)
        (batch, byteCount) = ([], 0)
      }
      batch.append((number, line))
      byteCount += line.count
    }
    if !batch.isEmpty { try await send(batch, client, arguments, &result) }
    report(result, arguments, path)
    guard result.refused.isEmpty else { throw CommandFailure("\(path): \(result.refused.count) lines are refused") }
  }

  private static func fault(_ line: [UInt8], _ path: String) -> String? {
    do {
      _ = try JSONDocument(line, file: path)
      return nil
    } catch { return "column \(error.column): \(error.reason)" }
  }

  private static func send(
    _ batch: [(line: Int, record: [UInt8])], _ client: AdminClient, _ arguments: Arguments, _ result: inout ConsentImportResult
  ) async throws {
    var body = JSONWriter()
    body.beginObject()
    body.field("dry_run", arguments.flag("--dry-run"))
    body.key("lines")
    body.beginArray()
    for (line, record) in batch {
      body.beginObject()
      body.field("line", line)
      body.key("record")
      body.raw(record)
      body.endObject()
    }
    body.endArray()
    body.endObject()
    result.add(try await client.send("POST", "/consents/import", body: body.bytes).root)
  }

  private static func report(_ result: ConsentImportResult, _ arguments: Arguments, _ path: String) {
    guard !arguments.flag("--json") else { return Output.json(result.json()) }
    let verb = arguments.flag("--dry-run") ? "would be added" : "added"
    Output.line("\(result.added) \(verb), \(result.known) were here, \(result.refused.count) refused")
    for (line, reason) in result.refused.sorted(by: { $0.line < $1.line }) { Output.line("\(path):\(line): \(reason)") }
  }
}

/// A file (mode 0600) that appears under its name when it is whole.
final class NewFile {
  private let path: String
  private let descriptor: Int32

  /// - Throws: `CommandFailure` when there is one by that name already, or it cannot be made.
  init(_ path: String) throws(CommandFailure) {
    guard !Files.exists(path) else { throw CommandFailure("\(path): is there already") }
    self.path = path
    unlink(path + ".new")
    descriptor = open(path + ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw CommandFailure("\(path): \(String(cString: strerror(errno)))") }
  }

  deinit { close(descriptor) }

  func append(_ bytes: [UInt8]) throws(CommandFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw CommandFailure("\(path): \(String(cString: strerror(errno)))") }
      rest = rest.dropFirst(count)
    }
  }

  func finish() throws(CommandFailure) {
    guard fsync(descriptor) == 0, rename(path + ".new", path) == 0 else {
      throw CommandFailure("\(path): \(String(cString: strerror(errno)))")
    }
  }
}

/// Lines of a file of any size, each up to a maximum, with their numbers; empty ones are passed over.
final class LineReader {
  private let path: String
  private let descriptor: Int32
  private let lineBytesMaximum: Int
  private var buffer: [UInt8] = []
  private var start = 0
  private var number = 0
  private var isAtEnd = false

  init(_ path: String, lineBytesMaximum: Int) throws(CommandFailure) {
    self.path = path
    self.lineBytesMaximum = lineBytesMaximum
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandFailure("\(path): \(String(cString: strerror(errno)))") }
  }

  deinit { close(descriptor) }

  func next() throws(CommandFailure) -> (number: Int, line: [UInt8])? {
    while true {
      if let end = buffer[start...].firstIndex(of: 0x0A) {
        defer { start = end + 1 }
        number += 1
        if let line = Self.line(buffer[start..<end]) { return (number, line) }
        continue
      }
      guard !isAtEnd else {
        defer { start = buffer.count }
        number += 1
        return Self.line(buffer[start...]).map { (number, $0) }
      }
      buffer.removeFirst(start)
      start = 0
      guard buffer.count <= lineBytesMaximum else {
        throw CommandFailure("\(path):\(number + 1): a line of more than \(lineBytesMaximum) bytes")
      }
      try fill()
    }
  }

  private func fill() throws(CommandFailure) {
    var chunk = [UInt8](repeating: 0, count: 262_144)
    let count = read(descriptor, &chunk, chunk.count)
    guard count >= 0 || errno == EINTR else { throw CommandFailure("\(path): \(String(cString: strerror(errno)))") }
    if count > 0 { buffer += chunk[..<count] }
    isAtEnd = count == 0
  }

  private static func line(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    bytes.allSatisfy { [0x20, 0x09, 0x0D].contains($0) } ? nil : Array(bytes)
  }
}

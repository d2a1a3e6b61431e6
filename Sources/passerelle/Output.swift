import Bytes
import Glibc

/// What a command prints. Written with `write(2)`, so that nothing waits in a buffer when the process is killed.
enum Output {
  static func line(_ text: String) { put(text + "\n", to: STDOUT_FILENO) }
  static func error(_ text: String) { put(text + "\n", to: STDERR_FILENO) }

  static func json(_ bytes: [UInt8]) { put(String(decoding: bytes, as: UTF8.self) + "\n", to: STDOUT_FILENO) }

  /// As they are, with no line end added.
  static func bytes(_ bytes: [UInt8]) { put(String(decoding: bytes, as: UTF8.self), to: STDOUT_FILENO) }

  /// A table with aligned columns; nothing but a remark when it has no rows.
  static func table(_ header: [String], _ rows: [[String]], none: String) {
    guard !rows.isEmpty else { line(none); return }
    var widths = header.map(\.count)
    for row in rows { for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) } }
    for row in [header] + rows {
      let cells = row.enumerated().map { column, cell in
        column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
      }
      line(cells.joined(separator: "  "))
    }
  }

  private static func put(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { return }
      bytes = bytes.dropFirst(written)
    }
  }
}

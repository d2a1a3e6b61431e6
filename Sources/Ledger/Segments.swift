import Bytes
import Glibc

/// The files of a ledger: segments, named by the number of their first entry, so that their order is the order of their names.
enum Segments {
  static let suffix = ".jsonl"

  static func name(first sequence: UInt64) -> String {
    let digits = String(sequence)
    return String(repeating: "0", count: max(0, 12 - digits.count)) + digits + suffix
  }

  /// The number that a segment's name promises for its first entry; nil for any other file.
  static func firstSequence(of name: String) -> UInt64? {
    guard name.hasSuffix(suffix) else { return nil }
    let digits = name.dropLast(suffix.count)
    guard digits.utf8.count >= 12, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let first = UInt64(digits),
      first > 0, self.name(first: first) == name
    else { return nil }
    return first
  }

  /// True when the first segment comes after the second; anything comes after the empty name.
  static func isAfter(_ name: String, _ other: String) -> Bool {
    (firstSequence(of: name) ?? 0) > (firstSequence(of: other) ?? 0)
  }

  /// The segments of a directory, oldest first.
  static func list(_ directory: String) throws(LedgerError) -> [String] {
    guard let stream = opendir(directory) else {
      throw .cannotOpen(path: directory, reason: String(cString: strerror(errno)))
    }
    defer { closedir(stream) }
    var found: [(first: UInt64, name: String)] = []
    while let entry = readdir(stream) {
      // Sound: the entry is the stream's own and ends with NUL; it is read before the next call.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if let first = firstSequence(of: name) { found.append((first, name)) }
    }
    return found.sorted { $0.first < $1.first }.map(\.name)
  }
}

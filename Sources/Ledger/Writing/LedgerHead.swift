import Bytes
import Glibc
import JOSE
import Store

/// `head.json`: where the ledger ends. A chain alone cannot show that its end was cut off; this file can.
///
/// It is written after each durable batch and not flushed, so it is never ahead of the entries; after a loss of power it may
/// be behind by what the system had not written yet. Whoever cuts the ledger can cut this too: the usage store remembers a
/// place of its own (`UsageStore.position`), and a copy of either can be kept elsewhere.
enum LedgerHead {
  static let fileName = "head.json"
  private static let byteCount = 192

  /// Nil when there is none or it cannot be read as one.
  static func read(_ directory: String) -> LedgerPosition? {
    let descriptor = open(directory + "/" + fileName, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    guard Glibc.read(descriptor, &bytes, byteCount) == byteCount,
      let document = try? JSONDocument(bytes, file: fileName), let sequence = document.root["seq"]?.integer, sequence > 0,
      let segment = document.root["segment"]?.string, Segments.firstSequence(of: segment) != nil,
      let offset = document.root["offset"]?.integer, offset > 0,
      let hash = document.root["hash"]?.string.flatMap({ Hex.decode($0) }).flatMap({ Digest32(bytes: $0) })
    else { return nil }
    return LedgerPosition(sequence: UInt64(sequence), segment: segment, offset: offset, hash: hash)
  }

  /// The file, open for the writer; always the same length, so that one small write replaces it.
  final class File {
    private let descriptor: Int32
    private var bytes: [UInt8] = []

    init(directory: String) throws(LedgerError) {
      descriptor = open(directory + "/" + fileName, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else {
        throw .cannotOpen(path: directory + "/" + fileName, reason: String(cString: strerror(errno)))
      }
    }

    deinit { close(descriptor) }

    /// A failure costs the head, not the entry: it is durable in its segment, and the head is behind until the next batch.
    func write(_ position: LedgerPosition) {
      bytes.removeAll(keepingCapacity: true)
      bytes.append("{\"seq\":")
      bytes.append(decimal: position.sequence)
      bytes.append(",\"segment\":\"")
      bytes.append(text: position.segment)
      bytes.append("\",\"offset\":")
      bytes.append(decimal: UInt64(position.offset))
      bytes.append(",\"hash\":\"")
      position.hash.appendHex(to: &bytes)
      bytes.append("\"}")
      bytes.append(contentsOf: repeatElement(0x20, count: max(0, byteCount - 1 - bytes.count)))
      bytes.append(LedgerLine.newline)
      _ = pwrite(descriptor, bytes, byteCount, 0)
    }
  }
}

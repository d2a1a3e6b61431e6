import Bytes
import Glibc
import Ledger

/// Entries as messages of RFC 5424.
///
///     <110>1 2026-11-21T09:00:00.000000Z gw1 passerelle 4711 api.call [meta sequenceId="17"] {"seq":17,...}
struct SyslogMessage: Sendable {
  private let facility: Int
  private let host: String
  private let process: String

  /// - Parameter facility: 0 to 23 (RFC 5424 §6.2.1).
  init(facility: Int) {
    self.facility = facility
    var name = [CChar](repeating: 0, count: 256)
    let isKnown = gethostname(&name, name.count - 1) == 0
    host = Self.word(isKnown ? String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "", 255)
    process = String(getpid())
  }

  func text(_ row: LedgerRow, _ format: ExportFormat) -> [UInt8] {
    let sequence = Self.sequenceID(row.sequence)
    var bytes = Array(
      "<\(facility * 8 + severity(row.entry))>1 \(row.time.rfc3339) \(host) passerelle \(process) \(Self.word(row.entry.event, 32)) "
        .utf8)
    bytes += "[meta sequenceId=\"\(sequence)\"] ".utf8
    format.append(row, to: &bytes)
    // The message's end is its length or its datagram.
    bytes.removeLast()
    return bytes
  }

  /// RFC 5424 §6.2.1: what was refused or failed is a warning, everything else informational.
  private func severity(_ entry: LedgerEntry) -> Int {
    entry.decision == "refused" || entry.decision == "failed" || entry.event == "ledger.damaged" || entry.event == "ledger.lost"
      ? 4 : 6
  }

  /// RFC 5424 §7.3.1: from 1 to 2147483647, and then from 1 again.
  static func sequenceID(_ sequence: UInt64) -> UInt64 { (sequence - 1) % 2_147_483_647 + 1 }

  /// RFC 5424 §6: printable ASCII without spaces; what is nothing is a hyphen.
  private static func word(_ text: String, _ maximum: Int) -> String {
    let bytes = text.utf8.prefix(maximum).map { (0x21...0x7E).contains($0) ? $0 : 0x5F }
    return bytes.isEmpty ? "-" : String(decoding: bytes, as: UTF8.self)
  }
}

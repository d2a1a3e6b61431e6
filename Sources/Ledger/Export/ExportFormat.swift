import Bytes

/// The forms in which entries are given to others.
public enum ExportFormat: String, Sendable, CaseIterable {
  /// The lines themselves, byte for byte.
  case jsonl
  /// RFC 4180, for spreadsheets (`CSVExport`).
  case csv
  /// Open Cybersecurity Schema Framework, API Activity, one object a line (`OCSFExport`).
  case ocsf
  /// Elastic Common Schema, one object a line (`ECSExport`).
  case ecs

  /// What stands before the first entry.
  public var header: [UInt8] { self == .csv ? CSVExport.header : [] }

  /// Appends an entry with its line end.
  public func append(_ row: LedgerRow, to bytes: inout [UInt8]) {
    switch self {
    case .jsonl: bytes += row.raw
    case .csv: return CSVExport.append(row, to: &bytes)
    case .ocsf: bytes += OCSFExport.json(row)
    case .ecs: bytes += ECSExport.json(row)
    }
    bytes.append(LedgerLine.newline)
  }
}

import Bytes
import Identifiers
import JOSE

/// Calls of one client to one operation in one hour that ended in one class of status.
public struct UsageRow: Sendable, Equatable {
  public var client: ClientID
  public var api: String
  public var operation: String
  /// Hours since 1970 UTC.
  public var hour: Int
  /// The first digit of the HTTP status.
  public var statusClass: Int
  /// `succeeded + refused + failed`.
  public var calls: Int
  /// Answered with 2xx.
  public var succeeded: Int
  /// Refused by the gateway; the backend was not asked and no quota is used up.
  public var refused: Int
  /// Forwarded and not answered with 2xx, or failed in the gateway.
  public var failed: Int

  public init(
    client: ClientID, api: String, operation: String, hour: Int, statusClass: Int, calls: Int = 0, succeeded: Int = 0,
    refused: Int = 0, failed: Int = 0
  ) {
    self.client = client
    self.api = api
    self.operation = operation
    self.hour = hour
    self.statusClass = statusClass
    self.calls = calls
    self.succeeded = succeeded
    self.refused = refused
    self.failed = failed
  }

  /// The start of the hour.
  public var period: Timestamp { Timestamp(seconds: Int64(hour) * 3600) }
}

/// A place in the ledger: after the entry with this sequence number. `start` is before the first.
public struct LedgerPosition: Sendable, Equatable {
  public var sequence: UInt64
  /// The file name of the segment that holds the entry; empty at the start.
  public var segment: String
  /// Bytes of the segment up to and with the entry's newline.
  public var offset: Int
  /// SHA-256 of the entry's line, without its newline; zeros at the start.
  public var hash: Digest32

  public init(sequence: UInt64, segment: String, offset: Int, hash: Digest32) {
    self.sequence = sequence
    self.segment = segment
    self.offset = offset
    self.hash = hash
  }

  public static let start = LedgerPosition(
    sequence: 0, segment: "", offset: 0, hash: Digest32(bytes: [UInt8](repeating: 0, count: 32))!)
}

/// What a stretch of the ledger adds to the usage rows.
public struct UsageBatch: Sendable {
  /// To be added to the rows of the same key; each key once.
  public var rows: [UsageRow]
  /// Where the stretch begins: only a store that stands exactly there takes it.
  public var from: LedgerPosition
  public var to: LedgerPosition

  public init(rows: [UsageRow], from: LedgerPosition, to: LedgerPosition) {
    self.rows = rows
    self.from = from
    self.to = to
  }
}

/// Which usage a report is about. What is nil does not matter.
public struct UsageFilter: Sendable {
  public var client: ClientID?
  public var api: String?
  public var operation: String?
  /// Hours since 1970 UTC; from this one on, and before the other.
  public var fromHour: Int?
  public var toHour: Int?

  public init(
    client: ClientID? = nil, api: String? = nil, operation: String? = nil, fromHour: Int? = nil, toHour: Int? = nil
  ) {
    self.client = client
    self.api = api
    self.operation = operation
    self.fromHour = fromHour
    self.toHour = toHour
  }
}

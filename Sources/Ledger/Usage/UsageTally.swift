import Bytes
import Identifiers
import Store

/// Usage rows while entries are added to them.
///
/// Nearly all entries are calls of some few clients, written by this program: their members are found by a scan, and the row by
/// the bytes that lead to it. What the scan does not take (an escape, say) goes through the JSON parser, with the same result.
struct UsageTally {
  private var all: [UsageRow] = []
  private var places: [UsageKey: Int] = [:]
  private var tape = JSONTape()
  /// Where the row of some bytes is, in the slot of their hash.
  private var known = [Known](repeating: Known(bytes: [], place: -1), count: 256)
  private var bytes: [UInt8] = []

  private struct Known {
    var bytes: [UInt8]
    var place: Int
  }

  /// The rows that were not taken out, in no order.
  var rows: [UsageRow] { places.values.map { all[$0] } }

  /// Takes a row out: nothing can be added to it any more.
  mutating func take(_ key: UsageKey) -> UsageRow? { places.removeValue(forKey: key).map { all[$0] } }

  /// Adds the entry at which the reader stands, when it is a call of a known client.
  mutating func add(_ reader: LedgerReader) {
    if let entry = UsageScan(reader.line, reader.members) {
      guard entry.isCall else { return }
      if let place = place(of: entry, reader) { return all[place].add(status: entry.status, isRefused: entry.isRefused) }
    }
    guard let call = UsageCall(reader, &tape) else { return }
    let place = place(of: call)
    all[place].add(status: call.status, isRefused: call.isRefused)
  }

  /// Nil when the entry has to be read whole, the first time that its bytes come.
  private mutating func place(of entry: UsageScan, _ reader: LedgerReader) -> Int? {
    bytes.removeAll(keepingCapacity: true)
    let line = reader.line
    for part in [entry.client, entry.api, entry.operation] {
      bytes.append(line.slice(part))
      bytes.append(0)
    }
    // To the hour: `2026-11-21T04`.
    bytes.append(line.slice(reader.timePlace).extracting(0..<13))
    bytes.append(UInt8(truncatingIfNeeded: entry.status / 100))
    let slot = Self.slot(bytes.span)
    if known[slot].place >= 0, known[slot].bytes == bytes { return known[slot].place }
    guard let call = UsageCall(reader, &tape) else { return nil }
    let place = place(of: call)
    known[slot] = Known(bytes: bytes, place: place)
    return place
  }

  private mutating func place(of call: UsageCall) -> Int {
    let key = UsageKey(call)
    if let place = places[key] { return place }
    places[key] = all.count
    all.append(
      UsageRow(client: key.client, api: key.api, operation: key.operation, hour: key.hour, statusClass: key.statusClass))
    return all.count - 1
  }

  /// FNV-1a. Who crowds a slot makes counting slower and not wrong.
  private static func slot(_ bytes: Span<UInt8>) -> Int {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for index in bytes.indices { value = (value ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01B3 }
    return Int(truncatingIfNeeded: (value ^ value >> 32) & 255)
  }
}

extension UsageRow {
  /// Refused counts nothing but itself; succeeded is a 2xx.
  fileprivate mutating func add(status: Int, isRefused: Bool) {
    calls += 1
    if isRefused {
      refused += 1
    } else if (200...299).contains(status) {
      succeeded += 1
    } else {
      failed += 1
    }
  }
}

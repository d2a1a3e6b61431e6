import Bytes
import Identifiers
import Store

/// Usage in the resource `Usage` of TM Forum's Usage Management API (TMF635, version 4): a record for each client, operation and day.
///
/// An identifier is made of what the record is about, so that a record that is read twice is known again.
public struct UsageRecords {
  private struct Key: Hashable {
    var day: Int
    var api: String
    var operation: String
    var price: ClientPlans.Price?
  }

  private struct Sum {
    var counts = UsageCounts()
    var charged = 0
    var free = 0
    var amount = Amount.zero
  }

  private let accounting: AccountBook
  private let month: Month
  private let now: Timestamp

  public init(_ accounting: AccountBook, month: Month, at now: Timestamp) {
    self.accounting = accounting
    self.month = month
    self.now = now
  }

  /// The records of one client or of all, as a JSON array. Blocks; never on a loop.
  ///
  /// - Throws: `AccountingError` when a client's plan cannot be; `StoreError`.
  public func json(client: ClientID?) throws -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for client in try client.map({ [$0] }) ?? accounting.usage.clients() {
      let name = try accounting.clients.client(client)?.name
      var sums: [Key: Sum] = [:]
      try accounting.rated(client, UsageFilter(client: client, fromHour: month.startHour, toHour: month.endHour)) { row in
        let key = Key(day: row.usage.hour / 24, api: row.usage.api, operation: row.usage.operation, price: row.price)
        sums[key, default: Sum()].counts.add(row.usage)
        sums[key]!.amount += row.amount
        for portion in row.portions {
          sums[key]!.charged += portion.count
          if portion.isFree { sums[key]!.free += portion.count }
        }
      }
      let sorted = sums.sorted {
        ($0.key.day, $0.key.api, $0.key.operation, $0.key.price?.plan ?? "")
          < ($1.key.day, $1.key.api, $1.key.operation, $1.key.price?.plan ?? "")
      }
      for (key, sum) in sorted { write(key, sum, client, name, to: &writer) }
    }
    writer.endArray()
    return writer.bytes
  }

  private func write(_ key: Key, _ sum: Sum, _ client: ClientID, _ name: String?, to writer: inout JSONWriter) {
    let start = Timestamp(seconds: Int64(key.day) * 86_400)
    let day = String(start.rfc3339.prefix(10))
    writer.beginObject()
    writer.field("id", [client.rawValue, key.api, key.operation, day].joined(separator: ":"))
    writer.field("@type", "Usage")
    writer.field("usageType", "API call")
    writer.field("usageDate", start.rfc3339)
    writer.field("description", "\(key.operation) of \(key.api) on \(day)")
    // Without a price there is nothing to rate: it was received, no more.
    writer.field("status", key.price == nil ? "received" : "rated")
    writer.key("relatedParty")
    writer.beginArray()
    writer.beginObject()
    writer.field("id", client.rawValue)
    if let name { writer.field("name", name) }
    writer.field("role", "API consumer")
    writer.field("@referredType", "Organization")
    writer.endObject()
    writer.endArray()
    writer.key("usageCharacteristic")
    writer.beginArray()
    for (name, value) in [
      ("api", key.api), ("operation", key.operation), ("plan", key.price?.plan), ("planVersion", key.price?.version),
    ] {
      if let value { characteristic(name, "string", to: &writer) { $0.string(value) } }
    }
    let counts = [
      ("calls", sum.counts.calls), ("succeeded", sum.counts.succeeded), ("refused", sum.counts.refused),
      ("failed", sum.counts.failed), ("charged", sum.charged), ("withinFreeQuota", sum.free),
    ]
    for (name, value) in counts { characteristic(name, "integer", to: &writer) { $0.integer(value) } }
    writer.endArray()
    if let price = key.price { rated(price, sum, to: &writer) }
    writer.endObject()
  }

  private func characteristic(
    _ name: String, _ type: String, to writer: inout JSONWriter, _ value: (inout JSONWriter) -> Void
  ) {
    writer.beginObject()
    writer.field("name", name)
    writer.field("valueType", type)
    writer.key("value")
    value(&writer)
    writer.endObject()
  }

  private func rated(_ price: ClientPlans.Price, _ sum: Sum, to writer: inout JSONWriter) {
    writer.key("ratedProductUsage")
    writer.beginArray()
    writer.beginObject()
    writer.field("ratingDate", now.rfc3339)
    writer.field("isBilled", false)
    writer.field("ratingAmountType", "Total")
    // The API's three words: outside a bundle, within one, beyond an exhausted one.
    writer.field(
      "usageRatingTag",
      price.tariff.freePerMonth == 0 ? "usage" : sum.free == sum.charged ? "included usage" : "non included usage")
    writer.field("offerTariffType", price.plan ?? "list")
    writer.key("taxExcludedRatingAmount")
    writer.beginObject()
    writer.field("unit", price.tariff.currency.rawValue)
    // A number, as TMF635 has it, with all its digits; it is not rounded.
    writer.key("value")
    writer.raw(Array(sum.amount.description.utf8))
    writer.endObject()
    writer.endObject()
    writer.endArray()
  }
}

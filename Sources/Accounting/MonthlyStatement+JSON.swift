import Bytes
import Identifiers

extension MonthlyStatement {
  /// As one JSON object. Amounts are decimals in strings: what reads a JSON number makes a binary fraction of it.
  public var json: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("client_id", client.rawValue)
    if let clientName { writer.field("client_name", clientName) }
    writer.field("month", month.description)
    writer.field("begun", hasBegun)
    writer.field("final", isFinal)
    writer.field("made_at", madeAt.rfc3339)
    writer.field("counted_up_to", Int(countedUpTo))
    writer.key("totals")
    writer.beginArray()
    for total in totals {
      writer.beginObject()
      writer.field("currency", total.currency.rawValue)
      writer.field("amount", total.rounded.text(in: total.currency))
      writer.field("exact", total.exact.description)
      writer.endObject()
    }
    writer.endArray()
    writer.field("rounding", Self.rounding)
    writer.field("prices_sha256", pricesDigest)
    writer.key("lines")
    writer.beginArray()
    for line in lines { Self.write(line, to: &writer) }
    writer.endArray()
    writer.key("usage")
    writer.beginArray()
    for operation in operations {
      writer.beginObject()
      writer.field("api", operation.api)
      writer.field("operation", operation.operation)
      writer.counts(operation.counts)
      writer.endObject()
    }
    writer.endArray()
    writer.key("days")
    writer.beginArray()
    for (index, counts) in days.enumerated() {
      writer.beginObject()
      writer.field("day", day(index))
      writer.counts(counts)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }

  private static func write(_ line: Line, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.field("api", line.api)
    writer.field("operation", line.operation)
    if let plan = line.plan { writer.field("plan", plan) }
    if let version = line.planVersion { writer.field("plan_version", version) }
    writer.field("charged", line.charging.rawValue)
    writer.field("free", line.isFree)
    writer.field("quantity", line.quantity)
    writer.field("unit_price", line.price.description)
    writer.field("amount", line.amount.description)
    writer.field("currency", line.currency.rawValue)
    writer.endObject()
  }

  /// `2026-11-03`, from 0 on.
  public func day(_ index: Int) -> String { "\(month)-" + (index < 9 ? "0" : "") + "\(index + 1)" }
}

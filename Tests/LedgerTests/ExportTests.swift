import Bytes
import Foundation
import Testing

@testable import Ledger

@Suite("Exporting entries")
struct ExportTests {
  private func row(_ entry: LedgerEntry) throws -> LedgerRow {
    let folder = Folder()
    let writer = try LedgerWriter(directory: folder.ledger, time: time)
    try writer.appendNow(entry)
    writer.close()
    return try #require(try folder.all().first)
  }

  private func text(_ format: ExportFormat, _ entry: LedgerEntry) throws -> String {
    var bytes: [UInt8] = []
    format.append(try row(entry), to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func object(_ format: ExportFormat, _ entry: LedgerEntry) throws -> JSONValue {
    let text = try text(format, entry)
    #expect(text.hasSuffix("\n") && text.dropLast().allSatisfy { !$0.isNewline })
    return try JSONDocument(Array(text.utf8), file: "export").root
  }

  @Test("JSON lines are the ledger's own, byte for byte")
  func lines() throws {
    let folder = try ledger(1)
    var bytes: [UInt8] = []
    ExportFormat.jsonl.append(try #require(try folder.all().first), to: &bytes)
    #expect(bytes == folder.bytes(folder.segments[0]))
  }

  @Test(
    "A33: no cell is a formula, ends a row, or turns the text around",
    arguments: [
      ("=1+1", "\"'=1+1\""), ("+33", "\"'+33\""), ("-1", "\"'-1\""), ("@x", "\"'@x\""), ("\t=1", "\"'\\u0009=1\""),
      ("a\"b", "\"a\"\"b\""), ("a\r\nb", "\"a\\u000d\\u000ab\""), ("a\u{2028}b", "\"a\\u2028b\""),
      ("a\u{202E}b", "\"a\\u202eb\""),
      ("＝1", "\"'＝1\""), ("a,b", "\"a,b\""), ("a\u{1B}[2J", "\"a\\u001b[2J\""),
    ])
  func formulas(value: String, cell: String) throws {
    let line = try text(.csv, LedgerEntry(event: "api.call", reason: value))
    #expect(line.contains(",\(cell),"), "\(line)")
    #expect(line.hasSuffix("\r\n") && line.unicodeScalars.dropLast(2).allSatisfy { $0.value >= 0x20 })
  }

  @Test("a table has as many cells as columns")
  func columns() throws {
    let header = String(decoding: ExportFormat.csv.header, as: UTF8.self)
    let line = try text(.csv, call(1))
    #expect(header.split(separator: ",").count == line.split(separator: ",", omittingEmptySubsequences: false).count)
  }

  @Test("a call as an OCSF API Activity")
  func ocsf() throws {
    let event = try object(.ocsf, call(1, decision: "refused", status: 403))
    #expect(event["class_uid"]?.integer == 6003 && event["category_uid"]?.integer == 6 && event["type_uid"]?.integer == 600_302)
    #expect(event["time"]?.integer == Int(time.now().microseconds / 1000))
    #expect(event["status_id"]?.integer == 2 && event["status_code"]?.string == "403")
    #expect(event["metadata"]?["version"]?.string == "1.3.0" && event["metadata"]?["correlation_uid"]?.string == "correlator-1")
    #expect(event["actor"]?["app_uid"]?.string == "client-1" && event["src_endpoint"]?["uid"]?.string == "client-1")
    #expect(
      event["api"]?["operation"]?.string == "retrieveIdentifier"
        && event["api"]?["service"]?["name"]?.string == "device-identifier")
    #expect(event["resources"]?.array?.first?["uid"]?.string == "subject-1")
    #expect(event["unmapped"]?["legal_basis"]?.string == "consent")
  }

  @Test("an entry without a client has what OCSF requires too")
  func ocsfOfTheLedgerItself() throws {
    let event = try object(.ocsf, LedgerEntry(event: "key.rotated", detail: [.init("kid", "k")]))
    #expect(event["activity_id"]?.integer == 99 && event["activity_name"]?.string == "key.rotated")
    #expect(event["api"]?["operation"]?.string == "key.rotated" && event["actor"]?["app_name"]?.string == "passerelle")
    #expect(event["unmapped"]?["detail"]?["kid"]?.string == "k")
  }

  @Test("a call as an event of the Elastic Common Schema")
  func ecs() throws {
    let event = try object(.ecs, call(1))
    #expect(event["@timestamp"]?.string == time.now().rfc3339)
    #expect(event["event"]?["kind"]?.string == "event" && event["event"]?["outcome"]?.string == "success")
    #expect(event["event"]?["category"]?.array?.first?.string == "api" && event["event"]?["duration"]?.integer == 1_234_000)
    #expect(event["http"]?["response"]?["status_code"]?.integer == 200)
    #expect(event["client"]?["user"]?["id"]?.string == "client-1" && event["user"]?["target"]?["id"]?.string == "subject-1")
    #expect(event["passerelle"]?["purpose"]?.string == "dpv:FraudPreventionAndDetection")
  }
}

import Bytes
import Foundation
import Ledger
import Testing

@testable import passerelle

@Suite("Streams of the ledger")
struct StreamTests {
  private static func row(_ sequence: Int, event: String = "api.call", decision: String = "allowed") -> LedgerRow {
    let previous = String(repeating: "0", count: 64)
    let members = #""event":"\#(event)","client_id":"c","decision":"\#(decision)""#
    let line = #"{"seq":\#(sequence),"time":"2026-03-10T12:00:00.000000Z",\#(members),"prev":"\#(previous)"}"#
    return LedgerRow(line: Array(line.utf8).span)!
  }

  @Test("a message of RFC 5424 has priority, time, event and number, and the entry at its end")
  func message() throws {
    let text = String(decoding: SyslogMessage(facility: 13).text(Self.row(17, decision: "refused"), .jsonl), as: UTF8.self)
    #expect(text.hasPrefix("<108>1 2026-03-10T12:00:00.000000Z "))
    #expect(text.contains(" passerelle \(getpid()) api.call [meta sequenceId=\"17\"] {\"seq\":17,") && text.hasSuffix("\"}"))
    #expect(String(decoding: SyslogMessage(facility: 0).text(Self.row(1), .jsonl), as: UTF8.self).hasPrefix("<6>1 "))
  }

  @Test("A33: an event's name is one word of the header", arguments: [("a b\\u000a", "a_b_"), ("", "-"), ("é", "__")])
  func header(event: String, word: String) throws {
    let text = String(decoding: SyslogMessage(facility: 13).text(Self.row(1, event: event), .jsonl), as: UTF8.self)
    #expect(text.split(separator: " ")[5] == word)
  }

  @Test("RFC 5424 §7.3.1: the number goes on from 1 behind 2147483647")
  func sequence() {
    #expect(SyslogMessage.sequenceID(1) == 1 && SyslogMessage.sequenceID(2_147_483_647) == 2_147_483_647)
    #expect(SyslogMessage.sequenceID(2_147_483_648) == 1)
  }
}

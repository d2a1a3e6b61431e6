import Bytes
import Synchronization
import Testing

@testable import Telemetry

@Suite struct LogTests {
  private final class Lines: Sendable {
    let all = Mutex<[String]>([])
    var text: [String] { all.withLock { $0 } }
  }

  private func log(_ level: LogLevel, _ format: Log.Format?) -> (Log, Lines) {
    let lines = Lines()
    let log = Log(time: ManualTime(Timestamp(seconds: 1_700_000_000))) { bytes in
      lines.all.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
    }
    if let format { log.configure(level: level, format: format) }
    return (log, lines)
  }

  @Test func beforeItIsConfiguredItWritesMessagesAlone() {
    let (log, lines) = log(.info, nil)
    log.warning("a.b", "it is\nso", ("x", "y"))
    #expect(lines.text == ["it is\\nso\n"])
  }

  @Test func textHasTimeLevelEventMessageAndFields() {
    let (log, lines) = log(.info, .text)
    log.warning("a.b", "it is so", ("word", "w"), ("words", "two \"words\""), ("none", ""))
    #expect(lines.text == ["2023-11-14T22:13:20.000000Z warning a.b it is so word=w words=\"two \\\"words\\\"\" none=\"\"\n"])
  }

  @Test func jsonIsOneObjectALine() throws {
    let (log, lines) = log(.info, .json)
    log.error("a.b", "two\nlines \"here\"", ("x", "y"))
    let line = try #require(lines.text.first)
    #expect(line.hasSuffix("}\n") && line.dropLast().firstIndex(of: "\n") == nil)
    let root = try JSONDocument(Array(line.utf8)).root
    #expect(root.keys.map(\.name) == ["time", "level", "event", "message", "x"])
    #expect(root["message"]?.string == "two\nlines \"here\"" && root["level"]?.string == "error")
  }

  @Test func whatMattersLessThanTheLevelIsNotWrittenAndTheLevelCanBeChanged() {
    let (log, lines) = log(.warning, .text)
    log.info("a", "no")
    log.configure(level: .info, format: .text)
    log.info("b", "yes")
    log.configure(level: .error, format: .text)
    log.warning("c", "no")
    log.error("d", "yes")
    #expect(lines.text.map { $0.split(separator: " ")[2] } == ["b", "d"])
  }

  /// A33.
  @Test(arguments: [
    ("plain é", "plain é"), ("a\u{1B}[31mb", "a\\u{1b}[31mb"), ("a\r\nb\tc", "a\\r\\nb\\tc"), ("a\\b", "a\\\\b"),
    ("a\u{7F}\u{85}", "a\\u{7f}\\u{85}"),
    ("a\u{202E}b\u{2028}", "a\\u{202e}b\\u{2028}"),
  ])
  func aMessageIsOneLineThatATerminalCanShow(message: String, shown: String) { #expect(LogLine.escape(message) == shown) }
}

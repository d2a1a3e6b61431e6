import Bytes
import Glibc
import Synchronization

/// How much a line matters, most first.
public enum LogLevel: String, Sendable, CaseIterable {
  /// Something does not work, and somebody should look.
  case error
  /// Something does not work for the moment, or soon will not.
  case warning
  /// What an operator did, or what goes on again.
  case info

  fileprivate var rank: UInt8 {
    switch self {
    case .error: 0
    case .warning: 1
    case .info: 2
    }
  }
}

/// The operator's log: one line for each thing that happened, on standard error. Safe from any thread.
///
/// A line has a time, a level, the name of the event, which never changes and is what to search for, a message for people, and a few
/// fields. No line is written about a call: each call has its entry in the ledger, which is durable, chained and searched. Whoever writes a
/// line says nothing of a person and no secret.
public final class Log: Sendable {
  public enum Format: String, Sendable, CaseIterable {
    /// `2026-11-21T13:50:00.123Z warning upstream.untrusted the message field=value`
    case text
    /// One JSON object a line, with `time`, `level`, `event`, `message` and the fields.
    case json
  }

  /// The one of this process. Standard error is the process's, and so is what is written there. Until `configure` it writes messages alone,
  /// as commands do.
  public static let process = Log()

  private let time: any TimeSource
  private let write: @Sendable ([UInt8]) -> Void
  private let rank = Atomic<UInt8>(LogLevel.info.rank)
  /// Nil writes messages alone.
  private let format = Mutex<Format?>(nil)

  /// - Parameter write: gets one line with its end at a time.
  public init(time: any TimeSource = SystemTime(), write: @escaping @Sendable ([UInt8]) -> Void = { Log.toStandardError($0) }) {
    self.time = time
    self.write = write
  }

  /// From now on. Any thread, any number of times.
  public func configure(level: LogLevel, format: Format) {
    self.format.withLock { $0 = format }
    rank.store(level.rank, ordering: .relaxed)
  }

  private func isWritten(_ level: LogLevel) -> Bool { level.rank <= rank.load(ordering: .relaxed) }

  /// - Parameters:
  ///   - event: what happened, in lower case, from the part to the particular: `ledger.not_sealed`.
  ///   - message: one sentence, without the name of a person and without a secret.
  public func error(_ event: StaticString, _ message: @autoclosure () -> String, _ fields: (name: StaticString, value: String)...)
  {
    add(.error, event, message, fields)
  }

  public func warning(
    _ event: StaticString, _ message: @autoclosure () -> String, _ fields: (name: StaticString, value: String)...
  ) {
    add(.warning, event, message, fields)
  }

  public func info(_ event: StaticString, _ message: @autoclosure () -> String, _ fields: (name: StaticString, value: String)...)
  {
    add(.info, event, message, fields)
  }

  private func add(
    _ level: LogLevel, _ event: StaticString, _ message: () -> String, _ fields: [(name: StaticString, value: String)]
  ) {
    guard isWritten(level) else { return }
    let line = LogLine(time: time.now(), level: level, event: event, message: message(), fields: fields)
    write(line.bytes(as: format.withLock { $0 }))
  }

  /// With `write(2)`, a line at once: nothing waits in a buffer when the process is killed, and lines of threads do not mix.
  public static func toStandardError(_ line: [UInt8]) {
    var rest = line[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { return }
      rest = rest.dropFirst(written)
    }
  }
}

/// One line of the log.
struct LogLine {
  let time: Timestamp
  let level: LogLevel
  let event: StaticString
  let message: String
  let fields: [(name: StaticString, value: String)]

  /// With the line's end. Whatever the message holds, it is one line.
  func bytes(as format: Log.Format?) -> [UInt8] {
    switch format {
    case nil: Array((Self.escape(message) + "\n").utf8)
    case .text: text
    case .json: json
    }
  }

  private var text: [UInt8] {
    var line: [UInt8] = []
    time.append(to: &line)
    line.append(text: " \(level.rawValue) \(event) \(Self.escape(message))")
    for field in fields { line.append(text: " \(field.name)=\(Self.word(field.value))") }
    line.append(0x0A)
    return line
  }

  private var json: [UInt8] {
    var stamp: [UInt8] = []
    time.append(to: &stamp)
    var writer = JSONWriter()
    writer.beginObject()
    writer.field("time", String(decoding: stamp, as: UTF8.self))
    writer.field("level", level.rawValue)
    writer.field("event", event.description)
    writer.field("message", message)
    for field in fields { writer.field(field.name, field.value) }
    writer.endObject()
    return writer.bytes + [0x0A]
  }

  /// In quotes where it would not stand out as one word.
  private static func word(_ value: String) -> String {
    let escaped = escape(value)
    guard escaped.isEmpty || escaped.utf8.contains(where: { $0 == 0x20 || $0 == 0x22 || $0 == 0x3D }) else { return escaped }
    return "\"" + escaped.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") + "\""
  }

  /// Without what would end the line, move a terminal's cursor, or turn the direction of what is read (A33).
  static func escape(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x5C || $0 >= 0xC2 }) else { return text }
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x5C: escaped += "\\\\"
      case 0x0A: escaped += "\\n"
      case 0x0D: escaped += "\\r"
      case 0x09: escaped += "\\t"
      case ..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069:
        escaped += "\\u{" + String(scalar.value, radix: 16) + "}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

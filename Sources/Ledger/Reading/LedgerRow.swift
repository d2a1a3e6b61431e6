import Bytes

/// One entry as it was read.
public struct LedgerRow: Sendable, Equatable {
  public var sequence: UInt64
  public var time: Timestamp
  public var entry: LedgerEntry
  /// The line, byte for byte, without its newline: what `--json` prints.
  public var raw: [UInt8]

  /// Nil when the line is no entry. Members that this program does not know are left out of `entry` and stay in `raw`.
  /// - Parameter tape: the line, parsed.
  init?(line: Span<UInt8>, tape: JSONTape) {
    guard let frame = LedgerLine.frame(of: line), !tape.isEmpty, tape.kind(0) == .object,
      let time = Timestamp(rfc3339: line.slice(frame.time).string())
    else { return nil }
    sequence = frame.sequence
    self.time = time
    raw = line.bytes()
    var entry = LedgerEntry(event: "")
    var key = 1
    for _ in 0..<tape.childCount(0) {
      entry.read(tape.string(key, in: line) ?? "", key + 1, tape, line)
      key = tape.next(key + 1)
    }
    self.entry = entry
  }

  /// Reads a line by itself.
  public init?(line: Span<UInt8>) {
    var tape = JSONTape()
    guard (try? tape.parse(line)) != nil else { return nil }
    self.init(line: line, tape: tape)
  }
}

extension LedgerEntry {
  fileprivate mutating func read(_ name: String, _ node: Int, _ tape: JSONTape, _ line: Span<UInt8>) {
    switch name {
    case "event": event = tape.string(node, in: line) ?? ""
    case "client_id": clientID = tape.string(node, in: line)
    case "subject": subject = tape.string(node, in: line)
    case "api": api = tape.string(node, in: line)
    case "operation": operation = tape.string(node, in: line)
    case "scopes": scopes = tape.strings(node, line)
    case "purpose": purpose = tape.string(node, in: line)
    case "legal_basis": legalBasis = tape.string(node, in: line)
    case "consent_id": consentID = tape.string(node, in: line)
    case "decision": decision = tape.string(node, in: line)
    case "reason": reason = tape.string(node, in: line)
    case "categories": categories = tape.strings(node, line)
    case "status": status = tape.integer(node, in: line)
    case "upstream_status": upstreamStatus = tape.integer(node, in: line)
    case "duration_us": durationMicroseconds = tape.integer(node, in: line)
    case "correlator": correlator = tape.string(node, in: line)
    case "request_bytes": requestBytes = tape.integer(node, in: line)
    case "response_bytes": responseBytes = tape.integer(node, in: line)
    case "detail":
      guard tape.kind(node) == .object else { return }
      var key = node + 1
      for _ in 0..<tape.childCount(node) {
        detail.append(Detail(tape.string(key, in: line) ?? "", tape.string(key + 1, in: line) ?? ""))
        key = tape.next(key + 1)
      }
    default: return
    }
  }
}

extension JSONTape {
  fileprivate func strings(_ node: Int, _ line: Span<UInt8>) -> [String]? {
    guard kind(node) == .array else { return nil }
    var texts: [String] = []
    var element = node + 1
    for _ in 0..<childCount(node) {
      if let text = string(element, in: line) { texts.append(text) }
      element = next(element)
    }
    return texts
  }
}

import Bytes

/// `subjects report` as a text that a person reads.
struct SubjectReportText {
  private let report: JSONValue
  private var lines: [String] = []

  static func text(_ report: JSONValue) -> [String] {
    var text = SubjectReportText(report: report)
    text.write()
    return text.lines
  }

  private init(report: JSONValue) { self.report = report }

  private mutating func write() {
    lines.append("What was done with the data of \(string(report, "phone_number")), as of \(time(report, "created_at"))")
    lines.append("(in our records: subscriber \(string(report, "subject")))")
    if let since = report["since"]?.string, report["complete"]?.boolean == false {
      lines.append("There is more than one report holds: this one begins at \(Self.readable(since)).")
    }
    section("Who saw what", "Nobody was given any data.", "recipients") { $0.recipient($1) }
    section("Each time", "There was none.", "releases") { $0.release($1) }
    section("What was refused", "Nothing was refused.", "refused") { $0.refusal($1) }
    section("What you decided", "You were never asked.", "consents") { $0.consent($1) }
  }

  private mutating func section(
    _ title: String, _ nothing: String, _ member: String, _ write: (inout SubjectReportText, JSONValue) -> Void
  ) {
    lines += ["", title, String(repeating: "-", count: title.count)]
    let elements = report[member]?.array ?? []
    if elements.isEmpty { lines.append(nothing) }
    for element in elements { write(&self, element) }
  }

  private mutating func recipient(_ value: JSONValue) {
    lines.append("\(client(value)), for: \(purpose(value))")
    if let description = value["purpose_description"]?.string { lines.append("    \(description)") }
    if let basis = value["legal_basis_text"]?.string { lines.append("    because \(basis)") }
    for data in value["data"]?.array ?? [] {
      lines.append("    \(string(data, "title")): \(Self.times(data["times"]?.integer ?? 0))")
    }
    let calls = value["calls"]?.integer ?? 0
    let last = calls == 1 ? "" : ", the last time on \(time(value, "last"))"
    lines.append("    \(Self.times(calls)) in all, the first time on \(time(value, "first"))\(last)")
  }

  private mutating func release(_ value: JSONValue) {
    let titles = value["titles"]?.array?.compactMap(\.string) ?? []
    lines.append(
      "\(time(value, "time"))  \(client(value)): \(titles.isEmpty ? "an answer without personal data" : titles.joined(separator: ", "))"
    )
    lines.append(
      "    for \(purpose(value)), \(string(value, "api")) \(string(value, "operation")), entry \(value["entry"]?.integer ?? 0)")
  }

  private mutating func refusal(_ value: JSONValue) {
    let operation = value["operation"]?.string.map { "\(string(value, "api")) \($0)" }
    let isAccess = string(value, "event") == "token.refused"
    let what = operation ?? (isAccess ? "its request for access" : string(value, "event"))
    let reason = value["reason"]?.string.map { ": " + $0.replacing("_", with: " ") } ?? ""
    let verb = value["decision"]?.string == "failed" ? "failed" : "was refused"
    lines.append("\(time(value, "time"))  \(client(value)): \(what) \(verb)\(reason)")
  }

  private mutating func consent(_ value: JSONValue) {
    let titles = value["titles"]?.array?.compactMap(\.string) ?? []
    lines.append("\(client(value)), for: \(purpose(value)): \(Self.word(string(value, "status")))")
    if !titles.isEmpty { lines.append("    data: \(titles.joined(separator: ", "))") }
    if string(value, "status") == "granted", let until = value["expires_at"]?.string {
      lines.append("    until \(Self.readable(until))")
    }
    for event in value["events"]?.array ?? [] {
      let by = string(event, "by")
      let who = by == "subscriber" ? "you" : by == "gateway" ? "the gateway" : "the operator"
      let reason = event["reason"]?.string.map { $0 == by ? "" : ": " + $0.replacing("_", with: " ") } ?? ""
      lines.append("    \(time(event, "time"))  \(Self.word(string(event, "event"))) by \(who)\(reason)")
    }
  }

  /// A status, or what led to it.
  private static func word(_ status: String) -> String {
    ["granted": "agreed to", "revoked": "withdrawn", "denied": "refused", "requested": "asked", "pending": "not answered"][status]
      ?? status
  }

  private func client(_ value: JSONValue) -> String {
    value["client_name"]?.string ?? value["client_id"]?.string ?? "the operator itself"
  }

  private func purpose(_ value: JSONValue) -> String {
    value["purpose_title"]?.string ?? value["purpose"]?.string ?? "no purpose that was named"
  }

  private func string(_ value: JSONValue, _ name: String) -> String { value[name]?.string ?? "" }
  private func time(_ value: JSONValue, _ name: String) -> String { Self.readable(string(value, name)) }

  /// To the second, UTC.
  private static func readable(_ time: String) -> String { time.prefix(19).replacing("T", with: " ") + " UTC" }
  private static func times(_ count: Int) -> String { count == 1 ? "once" : "\(count) times" }
}

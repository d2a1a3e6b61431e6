import Accounting
import Bytes
import Identifiers
import Ledger
import Pages
import Store
import Wire

extension AuditorSite {
  private static let body = Template(PackageResources.auditor_overview_html)
  static let fact = Template(PackageResources.auditor_fact_html)
  private static let verifyForm = Template(PackageResources.auditor_verify_html)
  private static let clientRow = Template(PackageResources.auditor_client_html)
  private static let reasonRow = Template(PackageResources.auditor_reason_html)
  private static let empty = Template(PackageResources.auditor_empty_html)

  static let days = 30
  /// Series of the chart; what more clients used is drawn together.
  static let seriesMaximum = 7
  /// What the refusals are counted from, at most: the newest ones.
  private static let refusalsMaximum = 5000
  private static let refusalsBytesMaximum = 64 << 20

  /// `GET /auditor`: ledger, usage, refusals, and the search.
  func overview(_ session: AuditorSessions.Session) async throws -> HTTPResponse {
    let now = dependencies.time.now()
    let usage = try await AdminAPI.offLoop { [dependencies] in
      // What is counted so far: a ledger that cannot be read must not keep the page away.
      _ = try? dependencies.usage.advance()
      let today = Int(now.seconds) / 86_400
      let filter = UsageFilter(fromHour: (today - Self.days + 1) * 24, toHour: (today + 1) * 24)
      return UsageByDay(
        rows: try dependencies.stores.usage.rows(filter), firstDay: filter.fromHour! / 24, seriesMaximum: Self.seriesMaximum)
    }
    let from = now.adding(seconds: -Int64(Self.days) * 86_400)
    let refusals = try await LedgerLookback(
      directory: dependencies.ledger.directory,
      filter: LedgerFilter(decision: "refused", from: from, limit: Self.refusalsMaximum),
      bytesMaximum: Self.refusalsBytesMaximum, secondsMaximum: 2
    ).run()
    let volume = try await AdminAPI.offLoop { [dependencies] in
      try LedgerVolume.read(directory: dependencies.ledger.directory, key: dependencies.keys.audit.verificationKey)
    }
    let content = Self.body.render([
      "search": .markup(searchForm(SearchForm(), session)), "ledger": .markup(ledgerFacts(volume)),
      "verify": .markup(Self.verifyForm.render(["token": .text(session.formToken)])),
      "chart": .markup(usage.chart.render()), "clients": .markup(clientRows(usage, Month(containing: now))),
      "refusalsNote": .text(note(refusals, from)), "reasons": .markup(reasonRows(refusals.rows)),
    ])
    return page(200, "Audit", content, session: session)
  }

  // MARK: The ledger

  private func ledgerFacts(_ volume: LedgerVolume) -> Markup {
    let ledger = dependencies.ledger
    var facts = [
      (
        "Entries",
        "\(ledger.lastSequence), in \(volume.segmentCount) segment\(volume.segmentCount == 1 ? "" : "s") of \(Self.size(volume.bytes))"
      ),
      (
        "Writing",
        ledger.isHealthy ? "works" : "CANNOT BE WRITTEN: \(ledger.fault ?? "unknown")"
      ),
      ("Free on its disk", volume.freeBytes.map(Self.size) ?? "unknown"),
      ("Last seal", volume.lastSeal.map { "entries up to \($0.last), at \(Self.minute($0.time))" } ?? "none yet"),
    ]
    if let finding = verification.finding {
      facts.append(("Verified", "\(Self.minute(finding.at.rfc3339)), up to entry \(finding.entries)"))
      facts.append(
        (
          "Found",
          finding.fault.map { "BROKEN: \($0)" } ?? "unbroken"
            + (finding.seals == 0 ? ", no seal yet" : "; seals that are good: \(finding.seals)")
        ))
      if let usage = finding.usage {
        facts.append(
          (
            "Usage",
            usage.isRight
              ? "equals the ledger: \(usage.callCount) calls" : "DIFFERS: \(usage.fault ?? "in \(usage.differenceCount) rows")"
          ))
      }
    } else {
      facts.append(("Verified", "not since the gateway started"))
    }
    if let fault = dependencies.usage.fault { facts.append(("Counting of usage", "STOPPED: \(fault)")) }
    return Markup(facts.map { Self.fact.render(["name": .text($0.0), "value": .text($0.1)]) })
  }

  static func size(_ bytes: Int) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"]
    var (value, unit) = (Double(bytes), 0)
    while value >= 1000, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
    guard unit > 0 else { return "\(bytes) bytes" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }

  /// `2026-11-21 10:42 UTC`
  static func minute(_ rfc3339: String) -> String { rfc3339.prefix(10) + " " + rfc3339.dropFirst(11).prefix(5) + " UTC" }

  // MARK: Usage and refusals

  private func clientRows(_ usage: UsageByDay, _ month: Month) -> Markup {
    guard !usage.clients.isEmpty else { return Self.empty.render(["text": "Nothing was called."]) }
    return Markup(
      usage.clients.map { client in
        Self.clientRow.render([
          "client": .text(client.id.rawValue), "calls": .text("\(client.counts.calls)"),
          "succeeded": .text("\(client.counts.succeeded)"), "refused": .text("\(client.counts.refused)"),
          "failed": .text("\(client.counts.failed)"), "month": .text("\(month)"),
          "address": .text("\(AuditorPath.statement.rawValue)?client_id=\(Self.encode(client.id.rawValue))&month=\(month)"),
        ])
      })
  }

  private func reasonRows(_ rows: [LedgerRow]) -> Markup {
    var counts: [String: Int] = [:]
    for row in rows { counts[row.entry.reason ?? "no reason given", default: 0] += 1 }
    guard !counts.isEmpty else { return Self.empty.render(["text": "Nothing was refused."]) }
    let most = counts.values.max() ?? 1
    return Markup(
      counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { reason, count in
        Self.reasonRow.render([
          "reason": .text(reason), "count": .text("\(count)"), "width": .text("\(max(1, count * 300 / most))"),
        ])
      })
  }

  private func note(_ finding: LedgerLookback.Finding, _ from: Timestamp) -> String {
    let since = max(finding.since ?? from, from)
    return "\(finding.rows.count) since \(Self.minute(since.rfc3339))."
      + (since > from ? " Older ones were not counted: the ledger is too long to read for a page." : "")
  }

  static func encode(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
      default:
        bytes.append(0x25)
        Hex.append([byte].span, to: &bytes)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

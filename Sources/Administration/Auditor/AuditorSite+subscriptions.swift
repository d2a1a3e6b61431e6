import Bytes
import Pages
import Store
import Wire

extension AuditorSite {
  private static let body = Template(PackageResources.auditor_subscriptions_html)
  private static let rowTemplate = Template(PackageResources.auditor_subscription_html)
  private static let deadTemplate = Template(PackageResources.auditor_dead_letter_html)
  private static let noRow = Template(PackageResources.auditor_no_subscription_html)
  /// Rows of each table.
  private static let rowsMaximum = 50

  /// `GET /auditor/subscriptions`: how many there are, the longest queues, what was given up last, the newest. Nobody whom they are about is named.
  func subscriptions(_ session: AuditorSessions.Session) async throws -> HTTPResponse {
    let stores = dependencies.stores
    let (counts, total, longest, dead, newest) = try await AdminAPI.offLoop {
      (
        try stores.subscriptions.counts(), try stores.events.depths(),
        try stores.events.longest(limit: Self.rowsMaximum).compactMap { try SubscriptionView.find($0, in: stores) },
        try stores.events.deadLetters(subscription: nil, limit: Self.rowsMaximum),
        try SubscriptionView.search(SubscriptionFilter(limit: Self.rowsMaximum), in: stores)
      )
    }
    let content = Self.body.render([
      "facts": .markup(facts(counts, total)), "longest": .markup(rows(longest, none: "No event waits, and none was given up.")),
      "dead": .markup(rows(dead)), "newest": .markup(rows(newest, none: "There is no subscription.")),
    ])
    return page(200, "Subscriptions", content, session: session)
  }

  private func facts(_ counts: [SubscriptionRecord.Status: Int], _ total: EventDepths) -> Markup {
    var facts = SubscriptionRecord.Status.allCases.map { status in
      (status.rawValue.prefix(1).uppercased() + status.rawValue.dropFirst(), "\(counts[status] ?? 0)")
    }
    facts.append(
      (
        "Events that wait",
        "\(total.waiting)" + (total.oldest.map { ", the oldest since \(Self.minute($0.rfc3339))" } ?? "")
      ))
    facts.append(("Events given up", "\(total.dead)"))
    return Markup(facts.map { Self.fact.render(["name": .text($0.0), "value": .text($0.1)]) })
  }

  private func rows(_ views: [SubscriptionView], none: String) -> Markup {
    guard !views.isEmpty else { return Self.noRow.render(["columns": "11", "text": .text(none)]) }
    return Markup(
      views.map { view in
        let record = view.record
        return Self.rowTemplate.render([
          "id": .text(record.id), "kind": .text(record.kind), "client": .text(record.client.rawValue),
          "status": .text(record.status.rawValue + (record.endReason.map { ", " + $0 } ?? "")), "sink": .text(view.sink),
          "created": .text(Self.minute(record.createdAt.rfc3339)),
          "expires": .text(record.expiresAt.map { Self.minute($0.rfc3339) } ?? ""),
          "events": .text("\(record.eventCount)" + (record.eventsMaximum.map { " of \($0)" } ?? "")),
          "waiting": .text("\(view.depth.waiting)"), "dead": .text("\(view.depth.dead)"),
          "failure": .text(failure(view.depth.head)),
        ])
      })
  }

  private func rows(_ letters: [DeadLetter]) -> Markup {
    guard !letters.isEmpty else { return Self.noRow.render(["columns": "8", "text": "No event was given up."]) }
    return Markup(
      letters.map { letter in
        Self.deadTemplate.render([
          "number": .text("\(letter.number)"), "subscription": .text(letter.subscription),
          "client": .text(letter.client.rawValue),
          "type": .text(letter.type), "time": .text(Self.minute(letter.time.rfc3339)),
          "buried": .text(Self.minute(letter.buriedAt.rfc3339)), "attempts": .text("\(letter.attempts)"),
          "failure": .text(letter.failure),
        ])
      })
  }

  /// Of the event that is tried next.
  private func failure(_ head: EventDepths.Head?) -> String {
    guard let head, head.attempts > 0 else { return "" }
    return "\(head.failure ?? "unknown"), \(head.attempts) time\(head.attempts == 1 ? "" : "s")"
  }
}

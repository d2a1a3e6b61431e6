import Authorization
import Bytes
import Identifiers
import Policy
import Store
import Wire

/// `/my`: what stands, and folded away what was.
extension MyDataPages {
  private static let list = Template(PackageResources.my_html)
  private static let record = Template(PackageResources.my_record_html)
  private static let fact = Template(PackageResources.my_fact_html)
  private static let asker = Template(PackageResources.my_asker_html)
  private static let askerLink = Template(PackageResources.asker_link_html)
  private static let act = Template(PackageResources.my_act_html)
  private static let all = Template(PackageResources.my_all_html)
  private static let field = Template(PackageResources.my_field_html)
  private static let history = Template(PackageResources.my_history_html)
  private static let event = Template(PackageResources.my_event_html)
  private static let past = Template(PackageResources.my_past_html)
  private static let text = Template(PackageResources.phone_text_html)

  func list(_ session: MySession) async throws(InteractionRefusal) -> HTTPResponse {
    let records = try await data.records(of: session, .page)
    let numbered = Array(records.records.enumerated())
    let current = numbered.filter { $0.element.isCurrent }.map { card($0.element, index: $0.offset, records.uses) }
    let past = numbered.filter { !$0.element.isCurrent }.map { card($0.element, index: $0.offset, records.uses) }
    let content = Self.list.render([
      "heading": .text(texts(.myTitle)), "explanation": .text(texts(.myExplanation)),
      "line": .text(texts(.line, ["number": records.number.description])),
      "currentHeading": .text(texts(.myCurrent)),
      "current": .markup(current.isEmpty ? Self.text.render(["text": .text(texts(.myNone))]) : Markup(current)),
      "all": .markup(
        records.records.contains { $0.isWithdrawable } ? Self.all.render(["text": .text(texts(.myAll))]) : .nothing),
      "past": .markup(
        past.isEmpty ? .nothing : Self.past.render(["heading": .text(texts(.myPast)), "records": .markup(Markup(past))])),
      "ownHeading": .text(texts(.myOwn)), "download": .text(texts(.myDownload)),
      "downloadHint": .text(texts(.myDownloadHint)), "token": .text(session.formToken), "signOut": .text(texts(.mySignOut)),
      "signOutHint": .text(texts(.mySignOutHint, ["minutes": "\(MySession.lifetimeSeconds / 60)"])),
    ])
    return page(200, texts(.myTitle), content)
  }

  // MARK: One application and purpose

  private func card(_ record: MyRecord, index: Int, _ uses: MyUses) -> Markup {
    Self.record.render([
      "index": .text("\(index)"), "name": .text(record.name), "purpose": .text(title(record.purpose)),
      "facts": .markup(Markup(facts(record, uses).map { Self.fact.render(["label": .text(texts($0)), "text": .text($1)]) })),
      "asker": .markup(asker(record)), "acts": .markup(Markup(acts(record, index))), "history": .markup(history(record)),
    ])
  }

  private func facts(_ record: MyRecord, _ uses: MyUses) -> [(TextKey, String)] {
    var facts: [(TextKey, String)] = []
    if !record.isGranted, record.consent != nil { facts.append((.myStatus, texts(status(record)))) }
    if record.isCurrent { facts.append((.myDataLabel, words(record.categories))) }
    if record.isGranted, let since = record.consent?.grantedAt { facts.append((.mySince, texts.day(since))) }
    if record.isGranted {
      facts.append((.myUntil, record.consent?.expiresAt.map { texts.day($0) } ?? texts(.myUntilOpen)))
    }
    let reasons = basis(record)
    if !reasons.isEmpty { facts.append((.myBasis, reasons.joined(separator: " "))) }
    facts.append((.myUsed, lastUse(record, uses)))
    if let refusal = record.lastRefusal { facts.append((.myRefused, texts.day(refusal.at))) }
    return facts
  }

  private func status(_ record: MyRecord) -> TextKey {
    switch record.status {
    case "denied": .myStatusDenied
    case "revoked": .myStatusRevoked
    case "expired": .myStatusExpired
    case "objected": .myStatusObjected
    default: record.isAwaited ? .myStatusAwaited : .myStatusPending
    }
  }

  private func basis(_ record: MyRecord) -> [String] {
    let client = ["client": record.name]
    let others = record.otherBases.map { basis in
      switch basis {
      case .consent: texts(.myBasisConsent)
      case .contract: texts(.myBasisContract, client)
      case .legitimateInterest: texts(record.isObjected ? .myBasisObjected : .myBasisInterest, client)
      case .legalObligation: texts(.myBasisObligation)
      case .vitalInterest: texts(.myBasisVital)
      case .publicInterest: texts(.myBasisPublic)
      }
    }
    return (record.isGranted ? [texts(.myBasisConsent)] : []) + others
  }

  /// Honest about how far we looked.
  private func lastUse(_ record: MyRecord, _ uses: MyUses) -> String {
    if let use = record.lastUse { return texts.day(use.at) }
    guard uses.uses != nil else { return texts(.myUsedUnknown) }
    return uses.since.map { texts(.myUsedRecent, ["date": texts.day($0)]) } ?? texts(.myUsedNever)
  }

  /// The application's own page, as on the consent page: the one place where an address of a client's becomes a link (A17).
  private func asker(_ record: MyRecord) -> Markup {
    guard let address = record.address, address.hasPrefix("https://") || address.hasPrefix("http://") else { return .nothing }
    let host = String(address.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    let link = Self.askerLink.render(["address": .text(address), "text": .text(texts(.askerLink, ["host": host]))])
    return Self.asker.render(["asker": .markup(link)])
  }

  private func acts(_ record: MyRecord, _ index: Int) -> [Markup] {
    let pair = [("client", record.client.rawValue), ("purpose", record.purpose.rawValue)]
    var acts: [Markup] = []
    if record.isWithdrawable, let id = record.consent?.id {
      acts.append(act(.withdraw, .myWithdraw, [("consent", id.rawValue)], index))
    }
    if record.mayObject { acts.append(act(.object, .myObject, pair, index)) }
    if record.isObjected { acts.append(act(.agree, .myAgree, pair, index)) }
    return acts
  }

  private func act(_ path: MyPath, _ label: TextKey, _ fields: [(String, String)], _ index: Int) -> Markup {
    Self.act.render([
      "address": .text(path.rawValue), "fields": .markup(Self.hidden(fields)), "index": .text("\(index)"),
      "text": .text(texts(label)),
    ])
  }

  static func hidden(_ fields: [(String, String)]) -> Markup {
    Markup(fields.map { Self.field.render(["name": .text($0.0), "value": .text($0.1)]) })
  }

  private func history(_ record: MyRecord) -> Markup {
    guard !record.events.isEmpty else { return .nothing }
    let events = record.events.reversed().map { Self.event.render(["text": .text(sentence($0))]) }
    return Self.history.render(["heading": .text(texts(.myHistory)), "events": .markup(Markup(events))])
  }

  private func sentence(_ event: ConsentEventRow) -> String {
    let date = ["date": texts.day(event.at)]
    let sentence =
      switch event.kind {
      case "granted" where event.legalBasis == LegalBasis.legitimateInterest.rawValue: texts(.myEventAgreed, date)
      case "granted": texts(.myEventGranted, date.merging(["data": words(event.categories)]) { first, _ in first })
      case "denied": texts(.myEventDenied, date)
      case "revoked": texts(.myEventRevoked, date)
      case "objected": texts(.myEventObjected, date)
      case "expired": texts(.myEventExpired, date)
      default: texts(.myEventRequested, date)
      }
    // Who wrote it down says more than the sentence where it was not the subscriber.
    guard event.actor == "operator" else { return sentence }
    return texts(.myEventOperator, ["event": sentence, "operator": site.settings.operatorName])
  }

  // MARK: Words

  /// The purpose as people read it; its own name when the catalogue does not know it any more.
  func title(_ purpose: Purpose) -> String {
    site.catalogue.purpose(purpose)?.title.text([texts.language]) ?? purpose.rawValue
  }

  private func words(_ categories: [CategoryID]) -> String {
    guard !categories.isEmpty else { return texts(.myDataNone) }
    return categories.map { site.catalogue.category($0)?.title.text([texts.language]) ?? $0.rawValue }
      .joined(separator: texts(.listSeparator))
  }
}

import Bytes

/// Every text of the pages, by its key in the language files.
enum TextKey: String, CaseIterable, Sendable {
  case consentTitle = "consent.title"
  case consentHeading = "consent.heading"
  case askerLink = "consent.asker.link"
  case askerNone = "consent.asker.none"
  case line = "consent.line"
  case purpose = "consent.purpose"
  case data = "consent.data"
  case dataHint = "consent.data.hint"
  case example = "consent.example"
  case costService = "consent.cost.service"
  case costNothing = "consent.cost.nothing"
  case costAll = "consent.cost.all"
  case duration = "consent.duration"
  case durationText = "consent.duration.text"
  case offline = "consent.offline"
  case withdrawal = "consent.withdrawal"
  case withdrawalText = "consent.withdrawal.text"
  case allow = "consent.allow"
  case deny = "consent.deny"
  case changed = "consent.changed"
  case subscriberTitle = "subscriber.title"
  case subscriberHeading = "subscriber.heading"
  case subscriberExplanation = "subscriber.explanation"
  case codeNumberTitle = "code.number.title"
  case codeNumberHeading = "code.number.heading"
  case codeNumberExplanation = "code.number.explanation"
  case codeNumberLabel = "code.number.label"
  case codeNumberHint = "code.number.hint"
  case codeNumberSend = "code.number.send"
  case codeNumberMalformed = "code.number.malformed"
  case codeTitle = "code.title"
  case codeHeading = "code.heading"
  case codeExplanation = "code.explanation"
  case codeLabel = "code.label"
  case codeConfirm = "code.confirm"
  case codeAgain = "code.again"
  case codeCancel = "code.cancel"
  case codeWrong = "code.wrong"
  case codeExhausted = "code.exhausted"
  case codeExpired = "code.expired"
  case codeTooMany = "code.many"
  case codeTooOften = "code.often"
  case codeMessage = "code.message"
  case decidedHeading = "decided.heading"
  case decidedGranted = "decided.granted"
  case decidedDenied = "decided.denied"
  case phoneTitle = "phone.title"
  case phoneHeading = "phone.heading"
  case phoneNothing = "phone.nothing"
  case phoneOthers = "phone.others"
  case phoneChoose = "phone.choose"
  case myTitle = "my.title"
  case myExplanation = "my.explanation"
  case myCurrent = "my.current"
  case myNone = "my.none"
  case myPast = "my.past"
  case myHistory = "my.history"
  case myDataLabel = "my.data"
  case myDataNone = "my.data.none"
  case mySince = "my.since"
  case myUntil = "my.until"
  case myUntilOpen = "my.until.open"
  case myBasis = "my.basis"
  case myBasisConsent = "my.basis.consent"
  case myBasisContract = "my.basis.contract"
  case myBasisInterest = "my.basis.interest"
  case myBasisObjected = "my.basis.objected"
  case myBasisObligation = "my.basis.obligation"
  case myBasisVital = "my.basis.vital"
  case myBasisPublic = "my.basis.public"
  case myUsed = "my.used"
  case myUsedNever = "my.used.never"
  case myUsedRecent = "my.used.recent"
  case myUsedUnknown = "my.used.unknown"
  case myRefused = "my.refused"
  case myStatus = "my.status"
  case myStatusDenied = "my.status.denied"
  case myStatusRevoked = "my.status.revoked"
  case myStatusExpired = "my.status.expired"
  case myStatusObjected = "my.status.objected"
  case myStatusPending = "my.status.pending"
  case myStatusAwaited = "my.status.awaited"
  case myEventRequested = "my.event.requested"
  case myEventGranted = "my.event.granted"
  case myEventDenied = "my.event.denied"
  case myEventRevoked = "my.event.revoked"
  case myEventObjected = "my.event.objected"
  case myEventAgreed = "my.event.agreed"
  case myEventExpired = "my.event.expired"
  case myEventOperator = "my.event.operator"
  case myWithdraw = "my.withdraw"
  case myWithdrawHeading = "my.withdraw.heading"
  case myWithdrawText = "my.withdraw.text"
  case myWithdrawDone = "my.withdraw.done"
  case myAll = "my.all"
  case myAllHeading = "my.all.heading"
  case myAllText = "my.all.text"
  case myAllDone = "my.all.done"
  case myObject = "my.object"
  case myObjectHeading = "my.object.heading"
  case myObjectText = "my.object.text"
  case myObjectDone = "my.object.done"
  case myAgree = "my.agree"
  case myAgreeHeading = "my.agree.heading"
  case myAgreeText = "my.agree.text"
  case myAgreeDone = "my.agree.done"
  case myDone = "my.done"
  case myUnrecorded = "my.unrecorded"
  case myNothing = "my.nothing"
  case myNothingText = "my.nothing.text"
  case myBack = "my.back"
  case myDownload = "my.download"
  case myDownloadHint = "my.download.hint"
  case myOwn = "my.own"
  case mySignOut = "my.signout"
  case mySignOutHint = "my.signout.hint"
  case mySignedOut = "my.signedout"
  case mySignedOutText = "my.signedout.text"
  case myOver = "my.over"
  case myOverText = "my.over.text"
  case myUnknown = "my.unknown"
  case myUnknownText = "my.unknown.text"
  case errorHeading = "error.heading"
  case errorClient = "error.client"
  case errorUnavailableHeading = "error.unavailable.heading"
  case errorUnavailable = "error.unavailable"
  case errorUnknownHeading = "error.unknown.heading"
  case errorUnknown = "error.unknown"
  case errorFinishedHeading = "error.finished.heading"
  case errorFinished = "error.finished"
  case errorFormHeading = "error.form.heading"
  case errorForm = "error.form"
  case errorOtherHeading = "error.other.heading"
  case errorOther = "error.other"
  case errorUnrecognisedHeading = "error.unrecognised.heading"
  case errorUnrecognised = "error.unrecognised"
  case errorCode = "error.code"
  case startTitle = "start.title"
  case startHeading = "start.heading"
  case startExplanation = "start.explanation"
  case startAPIs = "start.apis"
  case startDocuments = "start.documents"
  case documentDiscovery = "start.document.discovery"
  case documentMetadata = "start.document.metadata"
  case documentKeys = "start.document.keys"
  case apisTitle = "apis.title"
  case apisExplanation = "apis.explanation"
  case apisToken = "apis.token"
  case apisTokenText = "apis.token.text"
  case apisPurposes = "apis.purposes"
  case apisPurposesHint = "apis.purposes.hint"
  case apisAddress = "apis.address"
  case apisDocumentation = "apis.documentation"
  case apisScopes = "apis.scopes"
  case apisScopesOr = "apis.scopes.or"
  case apisSubscriber = "apis.subscriber"
  case apisSubscriberEither = "apis.subscriber.either"
  case apisSubscriberToken = "apis.subscriber.token"
  case apisSubscriberNone = "apis.subscriber.none"
  case apisData = "apis.data"
  case apisDataOptional = "apis.data.optional"
  case apisDataNone = "apis.data.none"
  case apisLimit = "apis.limit"
  case apisLimitText = "apis.limit.text"
  case apisPrice = "apis.price"
  case apisPriceText = "apis.price.text"
  case apisCall = "apis.call"
  case apisBack = "apis.back"
  case apisUnknown = "apis.unknown"
  case listSeparator = "list.separator"
  case date
  case dateFirst = "date.first"
  case month1 = "month.1"
  case month2 = "month.2"
  case month3 = "month.3"
  case month4 = "month.4"
  case month5 = "month.5"
  case month6 = "month.6"
  case month7 = "month.7"
  case month8 = "month.8"
  case month9 = "month.9"
  case month10 = "month.10"
  case month11 = "month.11"
  case month12 = "month.12"

  static let months: [TextKey] = [
    .month1, .month2, .month3, .month4, .month5, .month6, .month7, .month8, .month9, .month10, .month11, .month12,
  ]
}

/// The texts of one language, out of its file in `Resources`.
struct Texts: Sendable {
  /// The language's tag, as `lang` has it.
  let language: String
  private let texts: [TextKey: String]

  /// All languages, English first: the one that everything falls back to.
  static let all = [
    Texts("en", PackageResources.en_json), Texts("fr", PackageResources.fr_json), Texts("es", PackageResources.es_json),
    Texts("de", PackageResources.de_json),
  ]
  static let languages = all.map(\.language)

  /// The first of the wished languages that there is, by its primary tag (RFC 4647 §3.4); English otherwise.
  static func choose(_ wishes: [String]) -> Texts {
    for wish in wishes {
      let primary = wish.prefix { $0 != "-" }.lowercased()
      if let texts = all.first(where: { $0.language == primary }) { return texts }
    }
    return all[0]
  }

  /// A file that lacks a text or has one that nobody uses is a fault of the build and stops it at the first use.
  init(_ language: String, _ file: [UInt8]) {
    self.language = language
    guard let members = try? JSONDocument(file, file: language).root.keys else { preconditionFailure("\(language): not JSON") }
    var texts: [TextKey: String] = [:]
    for member in members {
      guard let key = TextKey(rawValue: member.name), let text = member.value.string else {
        preconditionFailure("\(language): \(member.name)")
      }
      texts[key] = text
    }
    precondition(texts.count == TextKey.allCases.count, "\(language): a text is missing")
    self.texts = texts
  }

  /// The text, with its `{slots}` filled. What is put in and is not plain ASCII stands between invisible isolates (Unicode UAX 9
  /// §2.7), so that a name in another direction, or one that tries to turn the text around it, changes nothing outside itself.
  func callAsFunction(_ key: TextKey, _ values: [String: String] = [:]) -> String {
    var filled = ""
    var rest = Substring(texts[key] ?? "")
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      filled += rest[..<open]
      let name = String(rest[rest.index(after: open)..<close])
      guard let value = values[name] else { preconditionFailure("\(language): \(key.rawValue) has no value for \(name)") }
      filled += value.utf8.allSatisfy { $0 < 0x80 } ? value : "\u{2068}" + value + "\u{2069}"
      rest = rest[rest.index(after: close)...]
    }
    return filled + rest
  }

  /// A day in words, in UTC.
  func day(_ moment: Timestamp) -> String {
    let key: TextKey = moment.day == 1 ? .dateFirst : .date
    return self(
      key, ["day": "\(moment.day)", "month": self(TextKey.months[moment.month - 1]), "year": "\(moment.year)"])
  }
}

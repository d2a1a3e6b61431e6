import Authorization
import Identifiers
import Wire

/// What a subscriber changes: asked back on a page of its own, done by that page's form.
extension MyDataPages {
  private static let confirm = Template(PackageResources.my_confirm_html)

  /// What will happen, and the button that makes it happen.
  func askBack(_ path: MyPath, _ session: MySession) async throws(InteractionRefusal) -> HTTPResponse {
    guard let query = try? FormParameters(Array((request.query ?? "").utf8)), !query.hasRepeated else { throw .notOffered }
    guard let act = MyAct(path, query), let subject = try await subject(of: act, session) else { return nothing() }
    let values = subject.values(self)
    return page(
      200, texts(act.heading),
      Self.confirm.render([
        "heading": .text(texts(act.heading)), "text": .text(texts(act.text, values)), "address": .text(path.rawValue),
        "token": .text(session.formToken), "fields": .markup(Self.hidden(act.fields)), "confirm": .text(texts(act.button)),
        "back": .text(texts(.myBack)),
      ]))
  }

  func perform(_ path: MyPath, _ session: MySession, _ form: FormParameters) async throws(InteractionRefusal) -> HTTPResponse {
    guard session.subscriber != nil else { throw .unknown }
    // Named before it is done: afterwards it is no longer there to be named.
    guard let act = MyAct(path, form), let subject = try await subject(of: act, session) else { return nothing() }
    switch try await data.perform(act, session) {
    case .done: return message(200, texts(.myDone), texts(act.done, subject.values(self)))
    case .doneButNotRecorded: return message(503, texts(.myDone), texts(.myUnrecorded))
    case .nothing: return nothing()
    }
  }

  private func subject(of act: MyAct, _ session: MySession) async throws(InteractionRefusal) -> Subject? {
    switch act {
    case .withdraw, .withdrawAll: Subject(act, try await data.consents(of: session))
    case .object(let client, let purpose), .takeBackObjection(let client, let purpose):
      Subject(act, [try await data.record(of: session, client: client, purpose: purpose)])
    }
  }

  private func nothing() -> HTTPResponse { message(404, texts(.myNothing), texts(.myNothingText)) }

  /// The records that an act is about. Nil when there are none: then there is nothing to ask back, and nothing to do.
  private struct Subject {
    let records: [MyRecord]

    init?(_ act: MyAct, _ all: [MyRecord]) {
      records = all.filter { record in
        switch act {
        case .withdraw(let id): record.isWithdrawable && record.consent?.id == id
        case .withdrawAll: record.isWithdrawable
        case .object(let client, let purpose): record.client == client && record.purpose == purpose && record.mayObject
        case .takeBackObjection(let client, let purpose):
          record.client == client && record.purpose == purpose && record.isObjected
        }
      }
      guard !records.isEmpty else { return nil }
    }

    func values(_ pages: MyDataPages) -> [String: String] {
      [
        "client": records[0].name, "purpose": pages.title(records[0].purpose),
        "clients": records.map { "\($0.name) (\(pages.title($0.purpose)))" }.joined(separator: pages.texts(.listSeparator)),
      ]
    }
  }
}

extension MyAct {
  /// Nil when the parameters do not name one: nothing that is missing means "all".
  fileprivate init?(_ path: MyPath, _ parameters: FormParameters) {
    switch path {
    case .withdrawAll: self = .withdrawAll
    case .withdraw:
      guard let id = parameters["consent"].flatMap(ConsentID.init(rawValue:)) else { return nil }
      self = .withdraw(id)
    case .object, .agree:
      guard let client = parameters["client"].flatMap(ClientID.init(rawValue:)),
        let purpose = parameters["purpose"].flatMap(Purpose.init(rawValue:))
      else { return nil }
      self = path == .object ? .object(client, purpose) : .takeBackObjection(client, purpose)
    default: return nil
    }
  }

  fileprivate var fields: [(String, String)] {
    switch self {
    case .withdraw(let id): [("consent", id.rawValue)]
    case .withdrawAll: []
    case .object(let client, let purpose), .takeBackObjection(let client, let purpose):
      [("client", client.rawValue), ("purpose", purpose.rawValue)]
    }
  }

  fileprivate var heading: TextKey {
    switch self {
    case .withdraw: .myWithdrawHeading
    case .withdrawAll: .myAllHeading
    case .object: .myObjectHeading
    case .takeBackObjection: .myAgreeHeading
    }
  }

  fileprivate var text: TextKey {
    switch self {
    case .withdraw: .myWithdrawText
    case .withdrawAll: .myAllText
    case .object: .myObjectText
    case .takeBackObjection: .myAgreeText
    }
  }

  fileprivate var button: TextKey {
    switch self {
    case .withdraw: .myWithdraw
    case .withdrawAll: .myAll
    case .object: .myObject
    case .takeBackObjection: .myAgree
    }
  }

  fileprivate var done: TextKey {
    switch self {
    case .withdraw: .myWithdrawDone
    case .withdrawAll: .myAllDone
    case .object: .myObjectDone
    case .takeBackObjection: .myAgreeDone
    }
  }
}

import Bytes
import Consent
import Identifiers
import JOSE
import Ledger
import Policy
import Store
import Wire

/// What subscribers see and do about their own data: who they are, what they agreed to, what was done with it, and taking it back.
///
/// Everything is asked and done for the subscriber of the session and for nobody else: a consent's id from a form is compared with
/// them before anything is changed.
public struct MyData: Sendable {
  let server: AuthorizationServer
  var dependencies: AuthorizationDependencies { server.dependencies }

  public init(server: AuthorizationServer) { self.server = server }

  // MARK: Who is there

  public enum Arrival: Sendable {
    /// The subscriber; `isNew` when the browser must be given the session's cookie.
    case known(MySession, isNew: Bool)
    /// Somebody who can still prove who they are.
    case unknown(MySession, isNew: Bool)
    /// The network does not know them, and there is no other way here.
    case unrecognised
  }

  /// Who is in front of the browser. The network's word comes first, and holds against a session of somebody else's: a phone that was
  /// handed on shows its new holder's data.
  public func arrive(_ request: HTTPRequest) async throws(InteractionRefusal) -> Arrival {
    let shown = try session(of: request)
    switch await dependencies.recognition.recognise(.browser(request), on: request.loop) {
    case .recognised(let number, let amr):
      let subscriber = try await subscriber(number, amr: amr)
      if let shown, shown.subscriber?.pseudonym == subscriber.pseudonym { return .known(shown, isNew: false) }
      if let shown { try await end(shown) }
      return .known(try await begin(subscriber), isNew: true)
    case .notRecognised:
      if let shown, shown.subscriber != nil { return .known(shown, isNew: false) }
      guard dependencies.oneTimeCodes != nil || !dependencies.simulatedSubscribers.isEmpty else { return .unrecognised }
      return .unknown(shown ?? .begin(nil), isNew: shown == nil)
    // A forged or broken signal is not made good by a session from before.
    case .failed: throw .unavailable
    }
  }

  /// The session that a form of ours belongs to (A39). `unknown` for any other form, and when the network says that it is somebody
  /// else by now.
  public func session(of request: HTTPRequest, form: FormParameters) async throws(InteractionRefusal) -> MySession {
    guard let session = try session(of: request), session.isFormToken(form["token"]) else { throw .unknown }
    switch await dependencies.recognition.recognise(.browser(request), on: request.loop) {
    case .recognised(let number, _):
      let pseudonym = try orUnavailable { try dependencies.subjects.pseudonym(of: number) }
      guard let subscriber = session.subscriber, pseudonym == subscriber.pseudonym else { throw .unknown }
    case .notRecognised: break
    case .failed: throw .unavailable
    }
    return session
  }

  /// The person proved who they are: from now on they have a session of their own, under a new cookie.
  public func recognised(_ session: MySession, number: MSISDN, amr: [String]) async throws(InteractionRefusal) -> MySession {
    let subscriber = try await subscriber(number, amr: amr)
    try await end(session)
    return try await begin(subscriber)
  }

  /// The same, by a one-time code.
  public func recognisedByCode(_ session: MySession, number: MSISDN) async throws(InteractionRefusal) -> MySession {
    try await recognised(session, number: number, amr: OneTimeCodes.amr)
  }

  /// Nothing is left behind the cookie.
  public func end(_ session: MySession) async throws(InteractionRefusal) {
    guard session.subscriber != nil else { return }
    do { _ = try await dependencies.interactions.finish(digest: session.recordDigest) } catch { throw .unavailable }
  }

  private func session(of request: HTTPRequest) throws(InteractionRefusal) -> MySession? {
    guard let shown = MySession.shown(by: request, server.settings) else { return nil }
    let record = try orUnavailable { try dependencies.interactions.find(digest: shown.recordDigest) }
    guard let record else { return shown }
    // One that ended is no cookie to go on with, not even to log in again.
    guard record.finishedAt == nil, dependencies.time.now() < record.expiresAt,
      let subscriber = RecognisedSubscriber(stored: record.payload)
    else { return nil }
    return shown.with(subscriber)
  }

  private func begin(_ subscriber: RecognisedSubscriber) async throws(InteractionRefusal) -> MySession {
    let session = MySession.begin(subscriber)
    let now = dependencies.time.now()
    let record = InteractionRecord(
      digest: session.recordDigest, sessionDigest: nil, payload: subscriber.stored, createdAt: now,
      expiresAt: now.adding(seconds: MySession.lifetimeSeconds))
    do { try await dependencies.interactions.insert(record) } catch { throw .unavailable }
    return session
  }

  private func subscriber(_ number: MSISDN, amr: [String]) async throws(InteractionRefusal) -> RecognisedSubscriber {
    do {
      let pseudonym = try await dependencies.subjects.findOrCreate(number)
      return RecognisedSubscriber(pseudonym: pseudonym, amr: amr, at: dependencies.time.now())
    } catch { throw .unavailable }
  }

  func orUnavailable<Value>(_ step: () throws -> Value) throws(InteractionRefusal) -> Value {
    do { return try step() } catch { throw .unavailable }
  }

  func orUnavailable<Value: Sendable>(_ step: () async throws -> Value) async throws(InteractionRefusal) -> Value {
    do { return try await step() } catch { throw .unavailable }
  }
}

// MARK: - As it is stored, sealed

extension RecognisedSubscriber {
  /// No authorization request reads like this: the two kinds of records cannot be taken for each other.
  fileprivate var stored: [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.field("my", pseudonym.rawValue)
    json.field("amr", amr)
    json.field("recognised_at", Int(at.seconds))
    json.endObject()
    return json.bytes
  }

  fileprivate init?(stored bytes: [UInt8]) {
    guard let root = try? JSONDocument(bytes).root, let pseudonym = root["my"]?.string.flatMap(SubjectPseudonym.init(rawValue:)),
      let amr = root["amr"]?.array?.compactMap(\.string), let seconds = root["recognised_at"]?.integer
    else { return nil }
    self.init(pseudonym: pseudonym, amr: amr, at: Timestamp(seconds: Int64(seconds)))
  }
}

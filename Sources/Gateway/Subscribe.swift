import Bytes
import Identifiers
import JOSE
import Policy
import Store
import Wire

/// What the gateway needs of those who keep subscriptions and deliver their events.
public protocol SubscriptionKeeper: Sendable {
  var store: any SubscriptionStore { get }
  /// Where backends post events: an absolute URL without a slash at its end, to which a secret is appended as one segment.
  var intake: String { get }
  /// May events of a client go there? Asks the sink itself where the client's registration wants that.
  func judge(sink: String, of client: ClientRecord) async -> SinkJudgement
  /// The client has ended it, and its backend knows; or its backend says that there is none.
  func ended(kind: String, backendID: String) async throws
}

public enum SinkJudgement: Sendable, Equatable {
  case admitted
  /// For the client: names no address of ours.
  case refused(String)
}

/// Between consent and forward: a call that asks for events gets the gateway between its backend and its sink.
///
/// The backend learns an address of the gateway's own, which only it can use, and neither the client's sink nor its token; the
/// subscription is in the store before the backend is asked, because an event may come before the backend's answer.
struct Subscribe {
  let keeper: any SubscriptionKeeper

  /// A subscription that the store has, of which the backend is about to be asked.
  struct Pending {
    let id: String
    /// The client's own.
    let sink: String
    /// As the client asked for it; the backend may say something earlier.
    let expiresAt: Timestamp?
    /// Something else is made, which tells of itself by the way.
    let isImplicit: Bool
  }

  /// Who subscribes.
  struct Caller {
    let token: AccessToken
    let owner: ResourceOwner
  }

  /// Puts the gateway's own sink into the body that is to be forwarded; nil where the body asks for no events.
  ///
  /// - Throws: 400 for a sink or a credential that will not do, with the code that the API has for it.
  func run(
    _ operation: OperationPolicy, _ caller: Caller, _ body: inout [UInt8], now: Timestamp
  ) async throws(APIError) -> Pending? {
    guard let request = try SubscriptionRequest(body, operation, caller.token.client, now: now) else { return nil }
    if case .refused(let why) = await keeper.judge(sink: request.sink, of: caller.token.client) {
      throw operation.sinkError("INVALID_SINK", "sink_refused", why)
    }
    let secrets = (path: Random.bytes(32), bearer: Random.bytes(32))
    body = request.body(
      body, sink: "\(keeper.intake)/\(Base64URL.encode(secrets.path))", bearer: Base64URL.encode(secrets.bearer),
      until: (request.expiresAt ?? now).adding(seconds: Self.bearerSeconds))
    let record = record(request, operation, caller, now: now)
    do { try await keeper.store.insert(record, secret: SHA256.digest(secrets.path + secrets.bearer)) } catch {
      throw APIError(.unavailable, "subscription_store_failed")
    }
    return Pending(
      id: record.id, sink: record.sink, expiresAt: record.expiresAt, isImplicit: operation.subscription?.isImplicit ?? false)
  }

  /// The backend has made it. Durable when it returns.
  ///
  /// What is no subscription but has one, a session, may be made to last longer, and tells of its own end when it is over: its events may
  /// come for as long as it is known here.
  func made(_ pending: Pending, _ created: CreatedResource, now: Timestamp) async throws(APIError) {
    let facts = SubscriptionAnswers.Facts(created.document ?? [])
    let expiresAt =
      pending.isImplicit ? now.adding(seconds: created.use.keptSeconds) : facts.expiresAt ?? pending.expiresAt
    do {
      try await keeper.store.made(
        pending.id, backendID: created.id, expiresAt: expiresAt, isActive: facts.isActive, document: created.document)
    } catch { throw APIError(.unavailable, "subscription_store_failed") }
  }

  /// The backend has made nothing. What could not be taken away gets no events, for no backend knows its address.
  func discard(_ pending: Pending, on loop: EventLoop) {
    let store = keeper.store
    loop.spawn { try? await store.discard(pending.id) }
  }

  /// How long the backend's token to us lasts beyond what the client asked for: it opens one subscription alone, and goes with it.
  private static let bearerSeconds: Int64 = 10 * 365 * 86_400

  private func record(
    _ request: SubscriptionRequest, _ operation: OperationPolicy, _ caller: Caller, now: Timestamp
  ) -> SubscriptionRecord {
    let kind = operation.resources.first(where: \.isCreated)?.kind ?? ""
    let (token, owner) = (caller.token, caller.owner)
    return SubscriptionRecord(
      id: Random.uuid(), kind: kind, api: operation.api, version: operation.version, operation: operation.id,
      client: owner.client, subject: owner.subject, isNamedByClient: owner.isNamedByClient,
      grantedAt: token.subject == nil ? nil : token.grant.createdAt, purpose: token.claims.purpose, scopes: token.claims.scopes,
      types: request.types, sink: request.sink, credential: request.credential, createdAt: now, expiresAt: request.expiresAt,
      eventsMaximum: request.eventsMaximum)
  }
}

/// What a body says of events (event guide, 2.2.2 and 3.1).
struct SubscriptionRequest {
  let sink: String
  let credential: SinkCredential?
  let types: [String]
  let expiresAt: Timestamp?
  let eventsMaximum: Int?
  private let sinkPlace: ByteRange
  /// Of the value of `sinkCredential`.
  private let credentialPlace: ByteRange?

  /// Nil where the body names no sink.
  ///
  /// - Parameter body: right by the operation's schema.
  init?(_ body: [UInt8], _ operation: OperationPolicy, _ client: ClientRecord, now: Timestamp) throws(APIError) {
    var tape = JSONTape()
    guard !body.isEmpty, (try? tape.parse(body.span)) != nil, tape.kind(0) == .object,
      let sinkNode = tape.member("sink", of: 0, in: body.span)
    else { return nil }
    guard let sink = tape.string(sinkNode, in: body.span) else {
      throw operation.sinkError("INVALID_SINK", "sink_malformed", "sink wants a URL.")
    }
    self.sink = sink
    sinkPlace = tape.range(sinkNode)
    let credentialNode = tape.member("sinkCredential", of: 0, in: body.span)
    credentialPlace = credentialNode.map { tape.range($0) }
    credential = try credentialNode.flatMap { node throws(APIError) in
      try Self.credential(node, body, tape, operation, client, now: now)
    }
    types = operation.eventScopes.map { Self.strings(at: $0.typesPath, body, tape) } ?? []
    let config = tape.member("config", of: 0, in: body.span)
    func setting(_ name: String) -> Int? { config.flatMap { tape.member(name, of: $0, in: body.span) } }
    let expiry = setting("subscriptionExpireTime").flatMap { tape.string($0, in: body.span) }
    expiresAt = expiry.flatMap { Timestamp(rfc3339: $0) }
    guard expiry == nil || expiresAt.map({ $0 > now }) ?? false else {
      throw APIError(.invalidArgument, "subscription_expired", message: "subscriptionExpireTime wants a time to come.")
    }
    eventsMaximum = setting("subscriptionMaxEvents").flatMap { tape.integer($0, in: body.span) }
  }

  private static func strings(at path: [JSONName], _ body: [UInt8], _ tape: JSONTape) -> [String] {
    guard let array = tape.value(at: path, in: body.span), tape.kind(array) == .array else { return [] }
    var (strings, element) = ([String](), array + 1)
    for _ in 0..<tape.childCount(array) {
      if let text = tape.string(element, in: body.span) { strings.append(text) }
      element = tape.next(element)
    }
    return strings
  }

  /// Event guide, 3.1: `ACCESSTOKEN` and `PRIVATE_KEY_JWT`; what an API's schema does not offer it has refused already.
  private static func credential(
    _ node: Int, _ body: [UInt8], _ tape: JSONTape, _ operation: OperationPolicy, _ client: ClientRecord, now: Timestamp
  ) throws(APIError) -> SinkCredential? {
    func text(_ name: String) -> String? { tape.member(name, of: node, in: body.span).flatMap { tape.string($0, in: body.span) } }
    switch text("credentialType") {
    case "ACCESSTOKEN":
      guard let token = text("accessToken"), isBearer(token), text("accessTokenType")?.lowercased() == "bearer",
        let expiresAt = text("accessTokenExpiresUtc").flatMap({ Timestamp(rfc3339: $0) })
      else {
        throw operation.sinkError(
          "INVALID_TOKEN", "sink_token_malformed",
          "sinkCredential wants an accessToken of bearer type, with accessTokenExpiresUtc.")
      }
      guard expiresAt > now else {
        throw operation.sinkError("INVALID_TOKEN", "sink_token_expired", "accessTokenExpiresUtc wants a time to come.")
      }
      return .accessToken(token, expiresAt: expiresAt)
    case "PRIVATE_KEY_JWT":
      // What the request says of it is what was agreed on beforehand, or nothing.
      guard let endpoint = client.eventTokenEndpoint, text("tokenUri").map({ $0 == endpoint.tokenURI }) ?? true,
        text("clientId").map({ $0 == endpoint.clientID }) ?? true
      else {
        throw operation.sinkError(
          "INVALID_CREDENTIAL", "sink_credential_unregistered",
          "sinkCredential wants the clientId and the tokenUri that are registered with the client, or neither.")
      }
      return .privateKeyJWT(clientID: endpoint.clientID, tokenURI: endpoint.tokenURI)
    default:
      throw operation.sinkError(
        "INVALID_CREDENTIAL", "sink_credential_unknown", "sinkCredential wants ACCESSTOKEN or PRIVATE_KEY_JWT.")
    }
  }

  /// RFC 6750 §2.1: what can stand in a field of a head and nothing else.
  private static func isBearer(_ token: String) -> Bool {
    (1...8192).contains(token.utf8.count)
      && token.utf8.allSatisfy {
        ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A) || "-._~+/=".utf8.contains($0)
      }
  }

  /// The body for the backend: the same, with the gateway in the client's place.
  func body(_ body: [UInt8], sink: String, bearer: String, until expiry: Timestamp) -> [UInt8] {
    var (address, credential) = (JSONWriter(), JSONWriter())
    address.string(sink)
    credential.beginObject()
    credential.field("credentialType", "ACCESSTOKEN")
    credential.field("accessToken", bearer)
    credential.field("accessTokenExpiresUtc", expiry.rfc3339)
    credential.field("accessTokenType", "bearer")
    credential.endObject()
    var edits = [(place: sinkPlace, text: address.bytes)]
    if let credentialPlace {
      edits.append((credentialPlace, credential.bytes))
    } else {
      edits[0].text += Array(#","sinkCredential":"#.utf8) + credential.bytes
    }
    return BodyEdit.apply(edits, to: body)
  }
}

/// Values of a document written anew, and the rest byte for byte.
enum BodyEdit {
  static func apply(_ edits: [(place: ByteRange, text: [UInt8])], to body: [UInt8]) -> [UInt8] {
    var (output, position) = ([UInt8](), 0)
    for edit in edits.sorted(by: { $0.place.lower < $1.place.lower }) {
      output.append(contentsOf: body[position..<edit.place.lower])
      output.append(contentsOf: edit.text)
      position = edit.place.upper
    }
    output.append(contentsOf: body[position...])
    return output
  }
}

extension OperationPolicy {
  /// A fault of what a client says of its sink: the code that the API has for it, or else `INVALID_ARGUMENT`.
  func sinkError(_ code: String, _ reason: StaticString, _ message: String) -> APIError {
    APIError(errors.kind(status: 400, code: code) ?? .invalidArgument, reason, message: message)
  }
}

import Bytes
import Identifiers
import Policy
import Store
import Wire

/// A resource that a request names.
struct NamedResource {
  let use: ResourceUse
  let id: String
  /// Nil for one that nobody here has made.
  let owner: ResourceOwner?

  var isInPath: Bool { if case .parameter = use.place { true } else { false } }
}

/// A resource that the backend has made.
struct CreatedResource {
  let use: ResourceUse
  let id: String
  /// What the backend says of it, where it is a subscription: with the client's own sink.
  var document: [UInt8]?
}

/// A place that is held for what a backend is about to make.
struct ResourceReservation {
  let kind: String
  let place: String
  /// Whose it will be.
  let owner: ResourceOwner
}

/// The end of stage 8: whose the resource is that a request names (404), and room for one that it would make (429).
///
/// Visible to the client that made it alone and, where the call is about a subscriber, only when it was made about the same one
/// (design guide, 6.7), whatever the backend knows.
struct ResourceCheck {
  /// What an operator calls an id is no longer than that.
  static let idBytesMaximum = 512
  /// An answer with more of them is refused: each has to be looked up.
  static let listedMaximum = 10_000

  let store: any ResourceStore
  /// Of one client, of all kinds together.
  let countMaximum: Int

  /// The resources that the request names; empty for nearly every operation.
  func named(
    _ exchange: Exchange, _ operation: OperationPolicy, _ tape: JSONTape, hasDocument: Bool
  ) throws(APIError) -> [NamedResource] {
    guard !operation.resources.isEmpty else { return [] }
    var named: [NamedResource] = []
    for use in operation.resources where use.isNamedByRequest {
      guard let id = try id(use, exchange, operation, tape, hasDocument) else { continue }
      do {
        named.append(NamedResource(use: use, id: id, owner: try store.owner(kind: use.kind, id: id)))
      } catch { throw APIError(.unavailable, "resource_store_failed") }
    }
    return named
  }

  private func id(
    _ use: ResourceUse, _ exchange: Exchange, _ operation: OperationPolicy, _ tape: JSONTape, _ hasDocument: Bool
  ) throws(APIError) -> String? {
    switch use.place {
    case .parameter(let parameter):
      guard let value = parameter.value(in: exchange.path) else { throw APIError(.notFound, "resource_unknown") }
      return String(decoding: value, as: UTF8.self)
    case .header(let index):
      guard let place = try RequestCheck.field(index, exchange, operation.headers) else { return nil }
      return exchange.fieldValue(place).string()
    case .body(let path):
      guard hasDocument, let node = tape.value(at: path, in: exchange.body) else { return nil }
      guard let id = tape.string(node, in: exchange.body) else { throw APIError(.notFound, "resource_unknown") }
      return id
    case .created, .shown, .listed: return nil
    }
  }

  /// - Throws: 404 for what is not the caller's, 429 when the client has as many as it may have.
  func admit(
    _ named: [NamedResource], _ operation: OperationPolicy, _ token: AccessToken, _ subject: CallSubject?
  ) throws(APIError) {
    guard !operation.resources.isEmpty else { return }
    let viewer = ResourceViewer(token, subject)
    for resource in named {
      guard let owner = resource.owner else { throw APIError(.notFound, "resource_unknown") }
      guard viewer.sees(owner) else { throw APIError(.notFound, "resource_of_another") }
    }
    guard operation.resources.contains(where: \.isCreated) else { return }
    let count: Int
    do { count = try store.count(client: token.claims.client) } catch { throw APIError(.unavailable, "resource_store_failed") }
    guard count < countMaximum else { throw APIError(.quotaExceeded, "resources_too_many") }
  }
}

// MARK: After the answer

extension ResourceCheck {
  /// A place for what a backend is about to make. That it can be kept is known before anything is made: what nobody can find again
  /// would be paid for all the same, and a client that tries again would pay twice.
  func reserve(_ use: ResourceUse, _ owner: ResourceOwner, now: Timestamp) async throws(APIError) -> ResourceReservation {
    let place: String?
    do {
      place = try await store.reserve(
        kind: use.kind, owner: owner, expiresAt: now.adding(seconds: Self.reservedSeconds), countMaximum: countMaximum)
    } catch { throw APIError(.unavailable, "resource_store_failed") }
    guard let place else { throw APIError(.quotaExceeded, "resources_too_many") }
    return ResourceReservation(kind: use.kind, place: place, owner: owner)
  }

  /// Nothing was made. One that could not be given back goes by itself.
  func giveBack(_ reservation: ResourceReservation, on loop: EventLoop) {
    let store = store
    loop.spawn { try? await store.giveBack(kind: reservation.kind, reservation: reservation.place) }
  }

  /// Keeps what a call made in the place that was reserved for it; durable when it returns.
  func keep(_ created: CreatedResource, _ reservation: ResourceReservation, now: Timestamp) async throws(APIError) {
    let (use, id) = (created.use, created.id)
    let keeping: ResourceKeeping
    do {
      keeping = try await store.keep(
        kind: use.kind, id: id, owner: reservation.owner, expiresAt: now.adding(seconds: use.keptSeconds),
        countMaximum: countMaximum, reservation: reservation.place)
    } catch { throw APIError(.unavailable, "resource_store_failed") }
    switch keeping {
    case .kept: return
    // Whoever sees one by this name would see another's.
    case .ofAnother: throw APIError(.badGateway, "backend_id_of_another")
    case .tooMany: throw APIError(.quotaExceeded, "resources_too_many")
    }
  }

  /// Forgets what a call ended; with 202 it ends in a while, and can be read until then. Durable when it returns.
  func end(_ resources: [NamedResource], status: Int, now: Timestamp) async throws(APIError) {
    for resource in resources where resource.use.deletes {
      do {
        try await store.end(
          kind: resource.use.kind, id: resource.id, at: status == 202 ? now.adding(seconds: Self.daySeconds) : nil)
      } catch { throw APIError(.unavailable, "resource_store_failed") }
    }
  }

  /// The backend says that it is gone for good: it is forgotten in a day, until when the client can still be told so.
  func vanished(_ resource: NamedResource, on loop: EventLoop, now: Timestamp) {
    let (store, kind, id) = (store, resource.use.kind, resource.id)
    loop.spawn { try? await store.end(kind: kind, id: id, at: now.adding(seconds: Self.daySeconds)) }
  }

  private static let daySeconds: Int64 = 86_400
  /// Longer than any call takes; a place that was lost with its process is free again after that.
  private static let reservedSeconds: Int64 = 3600
}

/// Who looks at resources.
struct ResourceViewer {
  let client: ClientID
  /// The subscriber whom the call is about, or whose token it is.
  let subject: SubjectPseudonym?
  /// The token has no subscriber.
  let isMachine: Bool
  /// The call is about somebody of whom nothing was made here.
  private let isUnknown: Bool

  init(_ token: AccessToken, _ subject: CallSubject?) {
    client = token.claims.client
    self.subject = token.subject ?? subject?.pseudonym
    isMachine = token.subject == nil
    isUnknown = token.subject == nil && subject != nil && subject?.pseudonym == nil
  }

  func sees(_ owner: ResourceOwner) -> Bool {
    guard owner.client == client, !isUnknown else { return false }
    return subject == nil || owner.subject == subject
  }
}

import Bytes
import Identifiers
import JOSE
import Store
import Synchronization

/// A registration and its keys, ready to verify with.
struct KnownClient: Sendable {
  let record: ClientRecord
  let keys: JWKSet

  /// The payload of a JWS that a key of the client signed; nil for any other. The key is found among the client's own by `kid`, and
  /// the algorithm is the key's (A1, A2, A4).
  func verified(_ jws: CompactJWS) async -> VerifiedJWS? {
    try? jws.verified { keys.key(kid: $0.kid, algorithm: $0.algorithm) }
  }
}

/// Registrations as they were last read, good until any registration changes: reading one means parsing its keys, which costs
/// more than checking a signature with them.
///
/// Safe from any thread.
final class ClientMemory: Sendable {
  /// Unknown clients are not remembered, so only registered ones take room; beyond this many it starts over.
  static let countMaximum = 4096

  private struct Remembered {
    var generation: UInt64 = 0
    var clients: [ClientID: KnownClient] = [:]
  }

  private let store: any ClientStore
  private let remembered = Mutex(Remembered())

  init(store: any ClientStore) { self.store = store }

  func client(_ id: ClientID) throws -> KnownClient? {
    // The generation is read before the store: a change in between makes the next reader read again.
    let generation = store.generation
    let known = remembered.withLock { remembered in
      if remembered.generation != generation { remembered = Remembered(generation: generation) }
      return remembered.clients[id]
    }
    if let known { return known }
    guard let record = try store.client(id) else { return nil }
    let keys = try JWKSet(json: JSONDocument(record.jwks, file: "jwks").root)
    let client = KnownClient(record: record, keys: keys)
    remembered.withLock { remembered in
      guard remembered.generation == generation else { return }
      if remembered.clients.count >= Self.countMaximum { remembered.clients.removeAll(keepingCapacity: true) }
      remembered.clients[id] = client
    }
    return client
  }
}

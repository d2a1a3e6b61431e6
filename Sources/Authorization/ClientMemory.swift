import Bytes
import Identifiers
import JOSE
import Store
import Synchronization

/// Gets the document at a client's `jwks_uri`. It ends by itself within a bounded time, and goes to no address that a client must not
/// make us go to (A20).
public typealias KeySetFetch = @Sendable (String) async throws -> [UInt8]

/// A registration and its keys, ready to verify with.
struct KnownClient: Sendable {
  let record: ClientRecord
  let keys: ClientKeys

  /// The payload of a JWS that a key of the client signed; nil for any other. The key is found among the client's own by `kid`, and
  /// the algorithm is the key's (A1, A2, A4).
  func verified(_ jws: CompactJWS) async -> VerifiedJWS? {
    guard let key = await keys.key(jws.header) else { return nil }
    return try? jws.verified { _ in key }
  }
}

/// The keys of a client: registered with it, or published by it.
enum ClientKeys: Sendable {
  case registered(JWKSet)
  case published(RemoteKeySet)

  func key(_ header: JWTHeader) async -> VerificationKey? {
    switch self {
    case .registered(let set): set.key(kid: header.kid, algorithm: header.algorithm)
    case .published(let set): await set.key(kid: header.kid, algorithm: header.algorithm)
    }
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
  private let fetch: KeySetFetch?
  private let time: any TimeSource
  private let remembered = Mutex(Remembered())
  /// By address, and across changes of registrations: a change of one client is no reason to fetch everybody's keys.
  private let published = Mutex<[String: RemoteKeySet]>([:])

  /// - Parameter fetch: gets the JWK set of a `jwks_uri`; nil where none can be fetched.
  init(store: any ClientStore, fetch: KeySetFetch?, time: any TimeSource) {
    self.store = store
    self.fetch = fetch
    self.time = time
  }

  func client(_ id: ClientID) throws -> KnownClient? {
    // The generation is read before the store: a change in between makes the next reader read again.
    let generation = store.generation
    let known = remembered.withLock { remembered in
      if remembered.generation != generation { remembered = Remembered(generation: generation) }
      return remembered.clients[id]
    }
    if let known { return known }
    guard let record = try store.client(id) else { return nil }
    let client = KnownClient(record: record, keys: try keys(of: record))
    remembered.withLock { remembered in
      guard remembered.generation == generation else { return }
      if remembered.clients.count >= Self.countMaximum { remembered.clients.removeAll(keepingCapacity: true) }
      remembered.clients[id] = client
    }
    return client
  }

  private func keys(of record: ClientRecord) throws -> ClientKeys {
    guard let address = record.jwksURI else {
      return .registered(try JWKSet(json: JSONDocument(record.jwks, file: "jwks").root))
    }
    guard let fetch else { return .registered(JWKSet(keys: [])) }
    return .published(
      published.withLock { published in
        if let known = published[address] { return known }
        if published.count >= Self.countMaximum { published.removeAll() }
        let set = RemoteKeySet(time: time) { try await fetch(address) }
        published[address] = set
        return set
      })
  }
}

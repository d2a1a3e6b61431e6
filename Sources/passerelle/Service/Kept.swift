import JOSE
import Synchronization
import Wire

/// Values that are made once and then kept from one generation of a gateway to the next, for as long as each still asks for them.
final class Kept<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private let older: [Key: Value]
  private let asked = Mutex<[Key: Value]>([:])

  /// - Parameter before: of the generation before.
  init(succeeding before: Kept? = nil) { older = before?.asked.withLock { $0 } ?? [:] }

  func value(_ key: Key, make: () throws -> Value) rethrows -> Value {
    if let known = asked.withLock({ $0[key] }) { return known }
    let value = try older[key] ?? make()
    asked.withLock { $0[key] = value }
    return value
  }
}

/// TLS to backends: a context whose settings and files are the same is the same.
typealias UpstreamContexts = Kept<UpstreamContextKey, TLSClientContext>

/// What a context for a backend depends on.
struct UpstreamContextKey: Hashable, Sendable {
  private let settings: Configuration.UpstreamTLS
  private let fileDigests: [Digest32]

  /// - Throws: `CommandFailure` that names a file that cannot be read.
  init(_ settings: Configuration.UpstreamTLS) throws(CommandFailure) {
    self.settings = settings
    var digests: [Digest32] = []
    for file in [settings.caFile, settings.certificateFile, settings.keyFile].compactMap(\.self) {
      digests.append(SHA256.digest(try Files.read(file)))
    }
    fileDigests = digests
  }
}

import Bytes
import Synchronization

/// TLS of a listener: the certificates that are in use now, and how to take others. Shared by all loops.
public final class TLSServer: Sendable {
  private let settings: TLSServerSettings
  private let time: any TimeSource
  private let context: Mutex<TLSServerContext>
  /// Handshakes since the start that ended with a signature of ours, with a session that was resumed, and with nothing.
  let fullCount = Atomic<Int>(0)
  let resumedCount = Atomic<Int>(0)
  let failedCount = Atomic<Int>(0)
  /// Nil when sessions are not resumed. They outlive a change of certificates.
  public let tickets: TLSTicketKeys?

  /// Reads all files.
  ///
  /// - Throws: `TLSContextError` with the file that is wrong.
  public init(_ settings: TLSServerSettings, time: any TimeSource) throws(TLSContextError) {
    self.settings = settings
    self.time = time
    tickets = settings.sessionSeconds > 0 ? TLSTicketKeys(lifetimeSeconds: settings.sessionSeconds, time: time) : nil
    context = Mutex(try TLSServerContext(settings, tickets: tickets, now: time.now()))
  }

  /// Reads all files again; from now on new connections get what they hold. Connections that are there go on as they are. Any thread.
  ///
  /// - Throws: `TLSContextError`, and nothing has changed. An expired certificate is refused too: the one before can only be better.
  public func reload() throws(TLSContextError) {
    let now = time.now()
    let next = try TLSServerContext(settings, tickets: tickets, now: now)
    for identity in next.identities where identity.notAfter <= now {
      throw .badFile(identity.files.certificateFile, reason: "has expired")
    }
    context.withLock { $0 = next }
  }

  /// The certificates that new connections get.
  public var identities: [TLSIdentity] { current.identities }
  /// Clients are asked for certificates.
  public var asksForCertificates: Bool { settings.clientCertificates != nil }

  /// Handshakes since the start. Any thread.
  public var handshakes: (full: Int, resumed: Int, failed: Int) {
    (fullCount.load(ordering: .relaxed), resumedCount.load(ordering: .relaxed), failedCount.load(ordering: .relaxed))
  }

  var current: TLSServerContext { context.withLock { $0 } }
}

import Bytes
import Synchronization

/// TLS of a listener: the certificates that are in use now, and how to take others. Shared by all loops.
public final class TLSServer: Sendable {
  private let time: any TimeSource
  private let state: Mutex<TLSReading>
  /// Handshakes since the start that ended with a signature of ours, with a session that was resumed, and with nothing.
  let fullCount = Atomic<Int>(0)
  let resumedCount = Atomic<Int>(0)
  let failedCount = Atomic<Int>(0)

  /// Reads all files.
  ///
  /// - Throws: `TLSContextError` with the file that is wrong.
  public init(_ settings: TLSServerSettings, time: any TimeSource) throws(TLSContextError) {
    self.time = time
    let context = try TLSServerContext(settings, tickets: Self.tickets(settings, time), now: time.now())
    state = Mutex(TLSReading(settings: settings, context: context, isNew: true))
  }

  private static func tickets(_ settings: TLSServerSettings, _ time: any TimeSource) -> TLSTicketKeys? {
    settings.sessionSeconds > 0 ? TLSTicketKeys(lifetimeSeconds: settings.sessionSeconds, time: time) : nil
  }

  /// Reads all files again; from now on new connections get what they hold. Connections that are there go on as they are. Any thread.
  ///
  /// - Throws: `TLSContextError`, and nothing has changed. An expired certificate is refused too: the one before can only be better.
  public func reload() throws(TLSContextError) { take(try read()) }

  /// Reads all files and changes nothing before `take`. Any thread.
  ///
  /// - Parameter settings: nil for those that hold already. Sessions can be resumed across a change unless their lifetime changes.
  /// - Throws: `TLSContextError`, also for a certificate that has expired, unless it is in use already.
  public func read(_ settings: TLSServerSettings? = nil) throws(TLSContextError) -> TLSReading {
    let (before, now) = (state.withLock { $0 }, time.now())
    let settings = settings ?? before.settings
    let tickets =
      settings.sessionSeconds == before.settings.sessionSeconds ? before.context.tickets : Self.tickets(settings, time)
    let next = try TLSServerContext(settings, tickets: tickets, now: now)
    let inUse = before.context.identities.map(\.thumbprint)
    for identity in next.identities where identity.notAfter <= now && !inUse.contains(identity.thumbprint) {
      throw .badFile(identity.files.certificateFile, reason: "has expired")
    }
    let isNew =
      next.identities.map(\.thumbprint) != inUse
      || next.identities.map(\.stapleExpires) != before.context.identities.map(\.stapleExpires)
    return TLSReading(settings: settings, context: next, isNew: isNew)
  }

  /// New connections get what was read from now on. Any thread.
  public func take(_ reading: TLSReading) { state.withLock { $0 = reading } }

  /// The certificates that new connections get.
  public var identities: [TLSIdentity] { current.identities }
  /// Clients are asked for certificates.
  public var asksForCertificates: Bool { current.asksForCertificates }
  /// Nil when sessions are not resumed. They outlive a change of certificates.
  public var tickets: TLSTicketKeys? { current.tickets }

  /// Handshakes since the start. Any thread.
  public var handshakes: (full: Int, resumed: Int, failed: Int) {
    (fullCount.load(ordering: .relaxed), resumedCount.load(ordering: .relaxed), failedCount.load(ordering: .relaxed))
  }

  var current: TLSServerContext { state.withLock { $0.context } }
}

/// Certificates and rules of a listener, read and checked at one moment.
public struct TLSReading: Sendable {
  let settings: TLSServerSettings
  let context: TLSServerContext
  /// Other certificates, or other OCSP responses, than those in use when they were read.
  public let isNew: Bool
}

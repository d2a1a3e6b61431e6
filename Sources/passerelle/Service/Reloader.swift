import Administration
import Dispatch
import Gateway
import JOSE
import Ledger
import Synchronization
import Telemetry
import Wire

/// Puts what the files say now in the place of what a running gateway began with: configuration, policies, certificates and keys, all of it
/// or none. Everything is read, checked and made first; then its entry is in the ledger; then it is taken, which cannot fail.
///
/// One at a time, on a thread of its own, so that no loop waits for a disk.
final class Reloader: ReloadControl, CertificateControl, Sendable {
  private let makers: GenerationMaker
  private let door: FrontDoor
  private let tls: ListenerTLS
  private let rotation: KeyRotation
  private let publicListener: Listener
  private let mutualListener: Listener?
  private let manager: ServiceManager
  private let queue = DispatchQueue(label: "reload")

  init(
    _ makers: GenerationMaker, door: FrontDoor, tls: ListenerTLS, rotation: KeyRotation, publicListener: Listener,
    mutualListener: Listener?, manager: ServiceManager
  ) {
    self.makers = makers
    self.door = door
    self.tls = tls
    self.rotation = rotation
    self.publicListener = publicListener
    self.mutualListener = mutualListener
    self.manager = manager
  }

  func reload(_ cause: ReloadCause) async -> ReloadOutcome {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: self.reloadNow(cause)) }
    }
  }

  /// The same, blocking the thread; never on a loop.
  func reloadAndWait(_ cause: ReloadCause) -> ReloadOutcome { queue.sync { reloadNow(cause) } }

  func certificates() -> [CertificateInUse] { tls.certificates() }

  func reloadCertificates() async -> [CertificateReload] {
    await withCheckedContinuation { continuation in
      queue.async { [tls] in continuation.resume(returning: tls.reload()) }
    }
  }

  private func reloadNow(_ cause: ReloadCause) -> ReloadOutcome {
    let file = makers.backbone.configuration.source.file
    var digests: [LedgerEntry.Detail] = []
    manager.reloading()
    do {
      let next = try prepare(&digests)
      do { try makers.backbone.ledger.appendNow(entry(cause, digests, fault: nil)) } catch {
        // Nobody will ever call through it.
        next.generation.gateway.retireUpstreams(keptBy: door.generation.gateway)
        throw error
      }
      take(next)
      let changed = next.changed.isEmpty ? "nothing has changed" : "changed: " + next.changed.joined(separator: ", ")
      Log.process.info("reload.taken", "reloaded \(file): \(changed)")
      remark(next.generation.ruleset)
      let ruleset = next.generation.ruleset
      manager.ready("serving, configuration \(ruleset.configuration.source.digest.prefix(12))")
      return .taken(
        ReloadOutcome.Taken(
          configurationDigest: ruleset.configuration.source.digest, policiesDigest: ruleset.policiesDigest,
          changed: next.changed))
    } catch {
      let refusal = Self.refusal(error)
      // While the ledger cannot be written nothing has changed either; its own fault is told elsewhere.
      _ = try? makers.backbone.ledger.appendNow(entry(cause, digests, fault: error))
      Log.process.error("reload.refused", "reload refused, everything stays as it was: \(refusal.reason)")
      manager.ready("serving; the last reload was refused: \(refusal.reason)")
      return .refused(refusal)
    }
  }

  // MARK: Reading

  private struct Next {
    var generation: Generation
    var outbound: Outbound.Reading
    var certificates: ListenerTLS.Reading
    var keys: KeyRing.Reading
    var changed: [String]
  }

  private struct NeedsRestart: Error {
    var names: [String]
  }

  private func prepare(_ digests: inout [LedgerEntry.Detail]) throws -> Next {
    let (running, backbone) = (door.generation, makers.backbone)
    let configuration = try Configuration.load(file: backbone.configuration.source.file)
    digests.append(LedgerEntry.Detail("configuration_sha256", configuration.source.digest))
    let unfollowed = configuration.needsRestart(from: running.configuration)
    guard unfollowed.isEmpty else { throw NeedsRestart(names: unfollowed) }
    let ruleset = try Ruleset(configuration)
    digests.append(LedgerEntry.Detail("policies_sha256", ruleset.policiesDigest))
    let certificates = try tls.read(configuration)
    let keys = try backbone.keys.read()
    let outbound = try makers.outbound.read(configuration.outbound)
    var changed = configuration.changedMembers(from: running.configuration)
    // A token that was verified under other rules, or by a key that is gone, is verified again.
    let trustsTokens = !keys.losesKeys && !changed.contains("audience") && !changed.contains("trustedIssuers")
    let generation = try makers.next(ruleset, outbound.web, trustsTokens: trustsTokens, after: running)
    if ruleset.policiesDigest != running.ruleset.policiesDigest, !changed.contains("policies") { changed.append("policies") }
    if certificates.isNew { changed.append("certificates") }
    if keys.isNew, !changed.contains("keys") { changed.append("keys") }
    return Next(generation: generation, outbound: outbound, certificates: certificates, keys: keys, changed: changed)
  }

  /// What is worth knowing of a ruleset, and keeps nothing from running.
  private func remark(_ ruleset: Ruleset) {
    let kinds = (try? makers.backbone.stores.resources.kinds()) ?? []
    if let remark = ruleset.catalogue.remark(resourceKinds: kinds) { Log.process.warning("reload.resources_unknown", remark) }
  }

  private static func refusal(_ error: any Error) -> ReloadOutcome.Refusal {
    if let error = error as? NeedsRestart {
      let names = error.names.joined(separator: ", ")
      return ReloadOutcome.Refusal(reason: "needs a restart: \(names)", needsRestart: error.names)
    }
    let text = (error as? CommandFailure)?.message ?? "\(error)"
    let lines = text.split(separator: "\n")
    let more = lines.count > 1 ? " (and \(lines.count - 1) more)" : ""
    return ReloadOutcome.Refusal(reason: String(lines.first ?? "") + more)
  }

  // MARK: Taking

  private func take(_ next: Next) {
    let configuration = next.generation.configuration
    makers.backbone.keys.take(next.keys)
    makers.outbound.take(next.outbound)
    tls.take(next.certificates)
    let before = door.generation
    door.open(to: next.generation)
    makers.events.use(makers.backbone.under(next.generation.ruleset))
    before.gateway.retireUpstreams(keptBy: next.generation.gateway)
    Log.process.configure(level: configuration.log.level, format: configuration.log.format)
    let share = configuration.overload.share(ofLoops: makers.loops.count)
    for loop in makers.loops { loop.execute { loop.admission.configure(share) } }
    next.generation.gateway.memory.limitUnauthenticated(perMinute: configuration.limits.unauthenticatedPerMinute)
    rotation.setDays(configuration.signingKeyDays)
    publicListener.setLimits(configuration.listen.serverLimits)
    if let mutualListener, let settings = configuration.mutualTLS { mutualListener.setLimits(settings.listen.serverLimits) }
  }

  private func entry(_ cause: ReloadCause, _ digests: [LedgerEntry.Detail], fault: (any Error)?) -> LedgerEntry {
    LedgerEntry(
      event: "admin.reloaded", decision: fault == nil ? "allowed" : "refused",
      reason: fault.map { $0 is NeedsRestart ? "needs_restart" : $0 is LedgerError ? "ledger_failed" : "not_right" },
      detail: [LedgerEntry.Detail("by", cause.rawValue)] + digests)
  }
}

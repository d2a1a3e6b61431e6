import Bytes
import Dispatch
import JOSE
import Ledger
import Synchronization
import Telemetry
import Wire

/// Takes the seals of the ledger where they are safe from whoever can change it: into another directory, and to a server. On the sealer's
/// thread; what does not get through is tried again at the next pass, and after a restart.
final class SealPublisher: Sendable {
  private let ledgerFolder: String
  private let key: VerificationKey
  private let settings: Configuration.Seals
  private let bearerToken: String?
  private let outbound: Outbound
  private let loop: EventLoop
  /// The last thing that went wrong; said once.
  private let complaint = Mutex<String?>(nil)

  /// - Throws: `KeyFileError` when the bearer token cannot be read.
  init(_ configuration: Configuration, key: VerificationKey, _ outbound: Outbound, loop: EventLoop) throws {
    ledgerFolder = configuration.ledgerFolder
    settings = configuration.ledger.seals
    self.key = key
    self.outbound = outbound
    self.loop = loop
    bearerToken = try settings.bearerTokenFile.map { String(decoding: try KeyFile.read($0), as: UTF8.self).trimmed }
  }

  func publish() {
    guard settings.directory != nil || settings.address != nil else { return }
    for seal in Seal.all(in: ledgerFolder, key: key) {
      do {
        if let directory = settings.directory { try seal.copy(to: directory) }
        if let address = settings.address { try send(seal, to: address) }
      } catch {
        return complain("\(seal.segment): its seal could not be published: \(error)")
      }
    }
    complaint.withLock { $0 = nil }
  }

  private func complain(_ text: String) {
    let isNew = complaint.withLock { complaint in
      defer { complaint = text }
      return complaint != text
    }
    if isNew { Log.process.warning("ledger.seal_not_published", text) }
  }

  /// A mark beside the seal says that it arrived.
  private func send(_ seal: Seal, to address: WebAddress) throws {
    let mark = "\(ledgerFolder)/seals/\(seal.fileName).sent"
    guard !Files.exists(mark) else { return }
    let outcome = Mutex<Result<Int, any Error>?>(nil)
    let done = DispatchSemaphore(value: 0)
    var fields: [(name: String, value: String)] = [("content-type", "application/jose")]
    if let bearerToken { fields.append(("authorization", "Bearer \(bearerToken)")) }
    let sent = fields
    loop.spawn { [outbound] in
      let result: Result<Int, any Error>
      do {
        result = .success(
          try await outbound.web.send(
            "POST", to: address, fields: sent, body: Array(seal.text.utf8), timeoutSeconds: 10, answerBytesMaximum: 65_536,
            rule: .any
          ).status)
      } catch { result = .failure(error) }
      outcome.withLock { $0 = result }
      done.signal()
    }
    guard done.wait(timeout: .now() + 20) == .success else { throw CommandFailure("no answer") }
    let status = try outcome.withLock { $0 }?.get() ?? 0
    guard (200..<300).contains(status) else { throw CommandFailure("the server answered \(status)") }
    try Files.write([], to: mark)
  }
}

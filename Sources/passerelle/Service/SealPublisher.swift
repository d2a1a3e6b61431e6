import Bytes
import JOSE
import Ledger
import Telemetry
import Wire

/// Takes the seals of the ledger where they are safe from whoever can change it: into another directory, and to a server. On the sealer's
/// thread; what does not get through is tried again at the next pass, and after a restart.
final class SealPublisher: Sendable {
  private static let timeoutSeconds = 10
  private let ledgerFolder: String
  private let key: VerificationKey
  private let settings: Configuration.Seals
  private let bearerToken: String?
  private let outbound: Outbound
  private let complaint = Complaint { fault in
    if let fault {
      Log.process.warning("ledger.seal_not_published", fault)
    } else {
      Log.process.info("ledger.seals_published", "the ledger's seals are published again")
    }
  }

  /// - Throws: one line, when the bearer token cannot be read.
  init(_ configuration: Configuration, key: VerificationKey, _ outbound: Outbound) throws {
    ledgerFolder = configuration.ledgerFolder
    settings = configuration.ledger.seals
    self.key = key
    self.outbound = outbound
    bearerToken = try settings.bearerToken()
  }

  func publish() {
    guard settings.directory != nil || settings.address != nil else { return }
    for seal in Seal.all(in: ledgerFolder, key: key) {
      do {
        if let directory = settings.directory { try seal.copy(to: directory) }
        if let address = settings.address { try send(seal, to: address) }
      } catch {
        return complaint.note("\(seal.segment): its seal could not be published: \(error)")
      }
    }
    complaint.note(nil)
  }

  /// A mark beside the seal says that it arrived.
  private func send(_ seal: Seal, to address: WebAddress) throws {
    let mark = "\(ledgerFolder)/seals/\(seal.fileName).sent"
    guard !Files.exists(mark) else { return }
    let status = try outbound.postAndWait(
      Array(seal.text.utf8), to: address, contentType: "application/jose", bearerToken: bearerToken,
      timeoutSeconds: Self.timeoutSeconds)
    guard (200..<300).contains(status) else { throw CommandFailure("the server answered \(status)") }
    try Files.write([], to: mark)
  }
}

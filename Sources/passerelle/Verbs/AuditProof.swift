import Bytes
import JOSE
import Ledger

/// `audit prove`, `audit key`, and the checks of proofs and kept seals.
enum AuditProof {
  /// Writes the proof that one entry is in the sealed ledger.
  static func prove(_ arguments: Arguments) throws {
    let text = try arguments.positional(exactly: 2, "prove and the number of an entry")[1]
    guard let sequence = UInt64(text), sequence > 0 else { throw UsageError("an entry's number is 1 or more") }
    let configuration = try Command.configuration(arguments)
    let key = try auditKey(configuration)
    let end = LedgerPlace.end(of: configuration.ledgerFolder).sequence
    if sequence > end, end > 0, try EntryLookup.entry(directory: configuration.ledgerFolder, sequence: sequence) == nil {
      throw CommandFailure("there is no entry \(sequence): the ledger ends at entry \(end)")
    }
    if case .mark(let mark) = RetentionMark.read(configuration.ledgerFolder, key: key), sequence <= mark.last {
      throw CommandFailure("entry \(sequence) is not there any more: retention removed the entries up to \(mark.last)")
    }
    let proof = try InclusionProof.make(directory: configuration.ledgerFolder, sequence: sequence, key: key)
    guard let file = arguments.value("--output") else { return Output.json(proof.json) }
    try Files.write(proof.json + [0x0A], to: file)
    Output.line("the proof of entry \(sequence) is in \(file)")
  }

  /// Prints the public part of the audit key as a JWK.
  static func key(_ arguments: Arguments) throws {
    _ = try arguments.positional(exactly: 1, "key")
    var writer = JSONWriter()
    try auditKey(Command.configuration(arguments)).appendJWK(to: &writer)
    Output.json(writer.bytes)
  }

  /// Checks a proof by the audit key alone: the ledger is not needed.
  static func verify(_ arguments: Arguments, proof file: String) throws {
    let proof = try InclusionProof(json: JSONDocument(Files.read(file), file: file).root)
    let key: VerificationKey
    if let keyFile = arguments.value("--key") {
      do { key = try VerificationKey(jwk: JSONDocument(Files.read(keyFile), file: keyFile).root) } catch {
        throw CommandFailure("\(keyFile): \(error)")
      }
    } else {
      key = try auditKey(Command.configuration(arguments))
    }
    if let fault = proof.fault(key: key) {
      Output.line("entry \(proof.sequence): NOT PROVED: \(fault)")
      throw CommandFailure("")
    }
    Output.line("entry \(proof.sequence): proved: it is in the ledger as it was sealed")
    Output.line(String(decoding: proof.line, as: UTF8.self))
  }

  /// Checks the seals, and those that were kept elsewhere (`--seal FILE`).
  static func seals(_ arguments: Arguments, _ configuration: Configuration, _ retention: RetentionMark?) throws
    -> SealVerification.Report
  {
    let kept = try arguments.value("--seal").map { [String(decoding: try Files.read($0), as: UTF8.self)] } ?? []
    return try SealVerification.verify(
      directory: configuration.ledgerFolder, key: auditKey(configuration), earlier: kept, retention: retention)
  }

  static func auditKey(_ configuration: Configuration) throws -> VerificationKey {
    try Installation(configuration).keysForReading().audit.verificationKey
  }
}

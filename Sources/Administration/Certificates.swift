import Bytes
import Ledger
import Wire

/// The certificates of the listeners of a running gateway.
public protocol CertificateControl: Sendable {
  func certificates() -> [CertificateInUse]
  /// Reads the files again, never while something else does. A listener whose files are wrong keeps what it has.
  func reloadCertificates() async -> [CertificateReload]
}

/// A certificate that a listener shows to new connections.
public struct CertificateInUse: Sendable {
  /// The listener's place in the configuration.
  public let listener: String
  public let file: String
  public let names: [String]
  public let keyType: String
  public let thumbprint: String
  public let notBefore: Timestamp
  public let notAfter: Timestamp
  /// Nil without a stapled OCSP response.
  public let stapleExpires: Timestamp?

  public init(listener: String, _ identity: TLSIdentity) {
    self.listener = listener
    file = identity.files.certificateFile
    names = identity.names + identity.addresses
    keyType = identity.keyType
    thumbprint = identity.thumbprint
    notBefore = identity.notBefore
    notAfter = identity.notAfter
    stapleExpires = identity.stapleExpires
  }
}

/// What became of reading a listener's certificates again.
public struct CertificateReload: Sendable {
  public let listener: String
  /// Names the file and says what is wrong with it; nil when the new certificates are in use.
  public let fault: String?

  public init(listener: String, fault: String?) {
    self.listener = listener
    self.fault = fault
  }
}

extension AdminAPI {
  /// `GET /admin/v1/certificates`: what new connections are shown.
  func listCertificates() throws -> HTTPResponse {
    let control = try certificateControl()
    var writer = JSONWriter()
    writer.beginArray()
    for certificate in control.certificates() {
      writer.beginObject()
      writer.field("listener", certificate.listener)
      writer.field("file", certificate.file)
      writer.field("names", certificate.names)
      writer.field("key_type", certificate.keyType)
      writer.field("not_before", certificate.notBefore.rfc3339)
      writer.field("not_after", certificate.notAfter.rfc3339)
      if let expires = certificate.stapleExpires { writer.field("ocsp_until", expires.rfc3339) }
      writer.field("x5t#S256", certificate.thumbprint)
      writer.endObject()
    }
    writer.endArray()
    return HTTPResponse.json(200, writer.bytes)
  }

  /// `POST /admin/v1/certificates/reload`: each listener takes the files as they are now, or keeps what it has; 409 when one kept it.
  func reloadCertificates() async throws -> HTTPResponse {
    let outcomes = try await certificateControl().reloadCertificates()
    guard !outcomes.isEmpty else { throw AdminError.conflict("no listener has TLS: there are no certificates to read again") }
    let faults = outcomes.compactMap { outcome in outcome.fault.map { "\(outcome.listener): \($0)" } }
    try await dependencies.ledger.append(
      LedgerEntry(
        event: "admin.certificates_reloaded", decision: faults.isEmpty ? "allowed" : "refused",
        detail: [LedgerEntry.Detail("kept", "\(faults.count)"), LedgerEntry.Detail("listeners", "\(outcomes.count)")]))
    guard faults.isEmpty else {
      throw AdminError.conflict("the certificates stay as they were: \(faults.joined(separator: "; "))")
    }
    return try listCertificates()
  }

  private func certificateControl() throws -> any CertificateControl {
    guard let control = dependencies.certificates else {
      throw AdminError.conflict("no gateway runs with this configuration; `passerelle check` looks at the files")
    }
    return control
  }
}

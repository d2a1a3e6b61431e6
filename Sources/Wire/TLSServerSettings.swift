/// What a listener's TLS is told: files and rules. The files are read by `TLSServer`.
public struct TLSServerSettings: Sendable, Equatable {
  /// A certificate in its files.
  public struct Certificate: Sendable, Equatable {
    /// In PEM: the certificate, followed by those between it and its authority.
    public var certificateFile: String
    /// In PEM, without a passphrase; not readable by everybody.
    public var keyFile: String
    /// An OCSP response in DER to staple; nil for none.
    public var ocspFile: String?

    public init(certificateFile: String, keyFile: String, ocspFile: String? = nil) {
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.ocspFile = ocspFile
    }
  }

  /// How clients are asked for certificates.
  public struct ClientCertificates: Sendable, Equatable {
    /// Authorities in PEM; a certificate of another ends the handshake.
    public var caFile: String
    /// Without a certificate there is no connection.
    public var isRequired: Bool

    public init(caFile: String, isRequired: Bool = false) {
      self.caFile = caFile
      self.isRequired = isRequired
    }
  }

  /// One or more. For each name, the first of a kind of key counts; the first of all is for clients that name nothing known.
  public var certificates: [Certificate]
  /// TLS 1.3 alone; otherwise 1.2 is spoken too.
  public var isModernOnly = false
  /// How long a session can be resumed; 0 for not at all. A ticket's key is used for that long, and known for as long again.
  public var sessionSeconds = 3600
  /// Nil: clients are not asked for certificates.
  public var clientCertificates: ClientCertificates?

  public init(certificates: [Certificate]) { self.certificates = certificates }
}

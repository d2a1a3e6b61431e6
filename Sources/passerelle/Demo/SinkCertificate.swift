import Wire

/// The certificate with which `passerelle events listen` takes the demo's events: CAMARA wants sinks to be https.
enum SinkCertificate {
  static func files(in folder: String) -> (certificate: String, key: String) {
    (folder + "/sink/certificate.pem", folder + "/sink/key.pem")
  }

  /// Makes one where there is none.
  static func make(in folder: String) throws {
    let (certificateFile, keyFile) = files(in: folder)
    guard !Files.exists(certificateFile) || !Files.exists(keyFile) else { return }
    let made: LocalCertificate
    do { made = try LocalCertificate() } catch { throw CommandFailure("no certificate for sinks: \(error)") }
    try Files.makeFolder(folder + "/sink")
    try Files.write(made.key, to: keyFile)
    try Files.write(made.certificate, to: certificateFile)
  }
}

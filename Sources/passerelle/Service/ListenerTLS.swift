import Administration
import Bytes
import Telemetry
import Wire

/// TLS of the listeners, each under its place in the configuration.
struct ListenerTLS {
  let front: TLSServer?
  let mutual: TLSServer?
  let admin: TLSServer?

  /// Reads all files.
  ///
  /// - Throws: one line that names the file that is wrong.
  init(_ configuration: Configuration, time: any TimeSource) throws {
    func server(_ name: String, _ settings: TLSServerSettings?) throws -> TLSServer? {
      do { return try settings.map { settings throws(TLSContextError) in try TLSServer(settings, time: time) } } catch {
        throw CommandFailure("\(name): \(error)")
      }
    }
    front = try server("listen.tls", configuration.listen.tls)
    mutual = try server("mutualTLS.listen.tls", configuration.mutualTLS?.listen.tls)
    admin = try server("admin.tls", configuration.admin.tls)
  }

  /// Certificates and rules of all listeners, read and checked.
  struct Reading: Sendable {
    fileprivate var readings: [(server: TLSServer, reading: TLSReading)] = []
    var isNew: Bool { readings.contains(where: \.reading.isNew) }
  }

  /// Reads all files as a configuration names them; nothing changes before `take`.
  ///
  /// - Precondition: the configuration has TLS where the running one has (`Configuration.needsRestart`).
  /// - Throws: one line that names the file that is wrong.
  func read(_ configuration: Configuration) throws -> Reading {
    var all = Reading()
    for (name, server, settings) in [
      ("listen.tls", front, configuration.listen.tls), ("mutualTLS.listen.tls", mutual, configuration.mutualTLS?.listen.tls),
      ("admin.tls", admin, configuration.admin.tls),
    ] {
      guard let server, let settings else { continue }
      do throws(TLSContextError) { all.readings.append((server, try server.read(settings))) } catch {
        throw CommandFailure("\(name): \(error)")
      }
    }
    return all
  }

  /// New connections get what was read from now on.
  func take(_ reading: Reading) { for (server, reading) in reading.readings { server.take(reading) } }

  var servers: [(name: String, server: TLSServer)] {
    [("listen.tls", front), ("mutualTLS.listen.tls", mutual), ("admin.tls", admin)].compactMap { name, server in
      server.map { (name, $0) }
    }
  }

  func certificates() -> [CertificateInUse] {
    servers.flatMap { name, server in server.identities.map { CertificateInUse(listener: name, $0) } }
  }

  /// Reads the files again that each listener began with, each for itself: what is wrong with one does not keep the others from what is
  /// right. Never beside `take` (`Reloader`).
  func reload() -> [CertificateReload] {
    servers.map { name, server in
      do throws(TLSContextError) {
        try server.reload()
        return CertificateReload(listener: name, fault: nil)
      } catch { return CertificateReload(listener: name, fault: "\(error)") }
    }
  }

  /// What an operator should know although it keeps nothing from running.
  func remarks(now: Timestamp) -> [String] {
    certificates().compactMap { certificate in
      let days = (certificate.notAfter.seconds - now.seconds) / 86_400
      let place = "\(certificate.listener): \(certificate.file)"
      if certificate.notBefore > now { return "\(place): is not valid yet" }
      if certificate.notAfter <= now { return "\(place): has expired" }
      return days < 30 ? "\(place): expires in \(days) day\(days == 1 ? "" : "s")" : nil
    }
  }
}

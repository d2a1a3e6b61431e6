import Authorization
import Bytes
import Glibc
import JOSE
import Policy
import Wire

/// What keeps a configuration from being served: all of it that can be found in one run.
struct CheckFindings {
  /// One line each, with the file where there is one.
  private(set) var faults: [String] = []
  /// What is worth knowing, and keeps nothing from running.
  private(set) var remarks: [String] = []
  /// Nil when the policies are no good.
  private(set) var catalogue: Catalogue?

  init(_ configuration: Configuration) {
    catalogue = attempt { try Ruleset.catalogue(configuration) }
    attempt { try Installation(configuration).check() }
    if let catalogue { attempt { try configuration.checkUpstreams(catalogue) } }
    checkListeners(configuration)
    checkCertificates(configuration)
    for upstream in configuration.upstreams.sorted(by: { $0.key < $1.key }).map(\.value) {
      for target in upstream.targets { attempt { _ = try target.tls?.context() } }
    }
    attempt { _ = try configuration.readLogos() }
    checkSecrets(configuration)
    checkFolders(configuration)
  }

  /// Notes what the work throws; nil then.
  @discardableResult
  mutating func attempt<Value>(_ work: () throws -> Value) -> Value? {
    do { return try work() } catch {
      let text = (error as? CommandFailure)?.message ?? "\(error)"
      // One file may be named twice in the configuration, and be wrong once.
      for line in text.split(separator: "\n").map(String.init) where !faults.contains(line) { faults.append(line) }
      return nil
    }
  }

  // MARK: Files

  /// Every file with a token or key is read; so is each file of authorities.
  private mutating func checkSecrets(_ configuration: Configuration) {
    if Files.exists(configuration.admin.tokenFile) { attempt { _ = try AdminToken.readOrCreate(configuration.admin.tokenFile) } }
    for (name, hook) in configuration.hooks {
      attempt {
        _ = try hook.bearerTokenFile.map { try OutboundServices.token($0, key: name + ".bearerTokenFile") }
      }
    }
    attempt { _ = try TLSClientContext(caFile: configuration.outbound.caFile) }
    if let master = configuration.consent.master {
      attempt { _ = try master.made() }
      attempt { _ = try master.pushToken() }
      attempt { _ = try ConsentMasterLink.tls(master, configuration.outbound) }
    }
    attempt {
      _ = try configuration.metrics.bearerTokenFile.map { try OutboundServices.token($0, key: "metrics.bearerTokenFile") }
    }
    attempt {
      _ = try configuration.tracing?.collector.bearerTokenFile.map {
        try OutboundServices.token($0, key: "tracing.otlp.bearerTokenFile")
      }
    }
    attempt { _ = try configuration.ledger.seals.bearerToken() }
    for stream in configuration.ledger.streams {
      if case .collector(_, let file?) = stream.destination {
        attempt { _ = try OutboundServices.token(file, key: Configuration.Stream.bearerTokenKey) }
      }
    }
    for issuer in configuration.trustedIssuers {
      guard case .introspection(let introspection) = issuer.verification else { continue }
      attempt { _ = try introspection.keyFile.map { try SigningKey.load(file: $0) } }
      attempt { _ = try introspection.secretFile.map { try KeyFile.read($0) } }
    }
  }

  /// The folders that are written must be there, or be possible.
  private mutating func checkFolders(_ configuration: Configuration) {
    for (name, folder) in [
      ("data", configuration.data), ("keys", configuration.keys),
      ("ledger.seals.directory", configuration.ledger.seals.directory),
    ] {
      guard let folder else { continue }
      attempt {
        var nearest = folder
        while !Files.exists(nearest), nearest != "/", nearest != "." { nearest = Files.folder(of: nearest) }
        guard access(nearest, W_OK | X_OK) == 0 else {
          throw CommandFailure("\(name): \(nearest) cannot be written: \(String(cString: strerror(errno)))")
        }
        var entry = stat()
        guard stat(nearest, &entry) == 0, entry.st_mode & S_IFMT == S_IFDIR else {
          throw CommandFailure("\(name): \(nearest) is not a folder")
        }
      }
    }
  }

  // MARK: Addresses

  private mutating func checkListeners(_ configuration: Configuration) {
    let addresses = [
      ("listen", configuration.listen.host, configuration.listen.port),
      ("admin", configuration.admin.host, configuration.admin.port),
    ]
    let mutual = configuration.mutualTLS.map { [("mutualTLS.listen", $0.listen.host, $0.listen.port)] } ?? []
    for (name, host, port) in addresses + mutual {
      switch ListeningSocket.fault(host: host, port: port) {
      case nil: break
      case EADDRINUSE?:
        remarks.append("\(name): \(host):\(port) is in use: by the gateway, a service manager's socket, or another program")
      case EACCES?: remarks.append("\(name): \(host):\(port) is not for this user: it wants a socket unit, or a capability")
      case let code?: faults.append("\(name): cannot listen on \(host):\(port): \(String(cString: strerror(code)))")
      }
    }
  }

  /// Reads every file of the listeners' TLS, each listener for itself. An expired certificate could be served.
  private mutating func checkCertificates(_ configuration: Configuration) {
    for keep in [\Configuration.listen.tls, \Configuration.admin.tls] as [WritableKeyPath<Configuration, TLSServerSettings?>] {
      var alone = configuration
      alone.mutualTLS = nil
      if keep != \Configuration.listen.tls { alone.listen.tls = nil }
      if keep != \Configuration.admin.tls { alone.admin.tls = nil }
      attempt { _ = try ListenerTLS(alone, time: SystemTime()) }
    }
    if configuration.mutualTLS != nil {
      var alone = configuration
      (alone.listen.tls, alone.admin.tls) = (nil, nil)
      attempt { _ = try ListenerTLS(alone, time: SystemTime()) }
    }
    // Each pair is good by itself; what is wrong has been said otherwise.
    guard let tls = try? ListenerTLS(configuration, time: SystemTime()) else { return }
    remarks += tls.remarks(now: SystemTime().now())
    for (name, server, url) in [
      ("listen.tls", tls.front, configuration.issuer), ("mutualTLS.listen.tls", tls.mutual, configuration.mutualTLS?.url ?? ""),
    ] {
      guard let server, let host = WebAddress(url)?.host, !server.identities.contains(where: { $0.covers(host) }) else {
        continue
      }
      remarks.append("\(name): no certificate is for \(host)")
    }
    if tls.front == nil, SocketAddress(ip: configuration.listen.host, port: 0)?.isLoopback == false {
      remarks.append("listen has no tls: tokens and personal data come in the clear unless a proxy of yours stands in front")
    }
    // A42: the token opens everything, and who reads along has it.
    if tls.admin == nil, SocketAddress(ip: configuration.admin.host, port: 0)?.isLoopback == false {
      remarks.append("admin has no tls and is not on loopback: its token comes in the clear")
    }
  }
}

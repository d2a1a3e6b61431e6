import Accounting
import Authorization
import Bytes
import JOSE
import Ledger
import Pages
import Wire

extension Configuration {
  /// Reads and checks a configuration file.
  ///
  /// - Throws: `DocumentError` with file, line and reason; `CommandFailure` when the file cannot be read.
  static func load(file: String) throws -> Configuration {
    try load(Files.read(file), file: file)
  }

  /// The same, of what stands or will stand in a file.
  static func load(_ bytes: [UInt8], file: String) throws -> Configuration {
    let document = try JSONDocument(bytes, file: file, dialect: .commented)
    var configuration = try Configuration(document.root, folder: Files.folder(of: file))
    configuration.source = Source(
      file: file, digest: SHA256.digest(bytes).hex,
      members: Dictionary(document.root.keys.map { ($0.name, $0.value.strictJSON()) }) { first, _ in first })
    return configuration
  }

  init(_ root: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(root)
    issuer = try reader.string("issuer")
    try Self.checkIssuer(issuer, root)
    audience = try reader.optionalString("audience") ?? issuer
    listen = try reader.value("listen").map { value throws(DocumentError) in try Listen(value, folder: folder) } ?? Listen()
    mutualTLS = try reader.value("mutualTLS").map { value throws(DocumentError) in try MutualTLS(value, folder: folder) }
    data = Files.path(try reader.string("data"), in: folder)
    keys = Files.path(try reader.string("keys"), in: folder)
    signingKeyDays = try reader.optionalInteger("signingKeyDays", in: 0...3650) ?? 90
    policies = Files.path(try reader.string("policies"), in: folder)
    let tokenFile = data + "/admin-token"
    admin =
      try reader.value("admin").map { value throws(DocumentError) in try Admin(value, folder: folder, tokenFile: tokenFile) }
      ?? Admin(tokenFile: tokenFile)
    loops = try reader.optionalInteger("loops", in: 0...256) ?? 0
    upstreams = try Self.upstreams(reader.value("upstreams"), root, folder: folder)
    recognition =
      try reader.value("recognition").map { value throws(DocumentError) in try Recognition(value, folder: folder) }
      ?? Recognition()
    backchannel =
      try reader.value("ciba").map { value throws(DocumentError) in try Backchannel(value, folder: folder) } ?? Backchannel()
    trustedIssuers = try Self.trustedIssuers(&reader, folder: folder)
    outbound =
      try reader.value("outbound").map { value throws(DocumentError) in try Outbound(value, folder: folder) } ?? Outbound()
    consent = try reader.value("consent").map { value throws(DocumentError) in try Consent(value, folder: folder) } ?? Consent()
    events = try reader.value("events").map { value throws(DocumentError) in try Events(value) } ?? Events()
    logos = try reader.optionalString("logos").map { Files.path($0, in: folder) }
    dpop = try reader.value("dpop").map { value throws(DocumentError) in try DPoPSettings(value) } ?? DPoPSettings()
    ledger = try reader.value("ledger").map { value throws(DocumentError) in try Ledger(value, folder: folder) } ?? Ledger()
    limits = try reader.value("limits").map { value throws(DocumentError) in try Limits(value) } ?? Limits()
    metrics =
      try reader.value("metrics").map { value throws(DocumentError) in try Metrics(value, folder: folder) } ?? Metrics()
    overload =
      try reader.value("overload").map { value throws(DocumentError) in try Admission.Settings(value) } ?? Admission.Settings()
    tracing = try reader.value("tracing").map { value throws(DocumentError) in try Tracing(value, folder: folder) }
    log = try reader.value("log").map { value throws(DocumentError) in try Log(value) } ?? Log()
    billing = try reader.value("billing").map { value throws(DocumentError) in try PlanBook(value) } ?? PlanBook()
    publication =
      try reader.value("publication").map { value throws(DocumentError) in try PublicationSettings(value) } ?? publication
    drainSeconds = try reader.optionalInteger("drainSeconds", in: 0...3600) ?? 10
    try reader.finish()
    try checkListeners(root)
    // Nobody outside is served by a gateway that does not record what it releases.
    let isLocal = SocketAddress(ip: listen.host, port: 0)?.isLoopback == true && mutualTLS == nil
    guard ledger.durability != .none || isLocal else {
      throw (root["ledger"]?["durability"] ?? root).error("durability \"none\" is for measuring on loopback alone")
    }
  }

  /// RFC 8414 §2: a URL with a scheme and a host and neither query nor fragment; plain HTTP only on loopback.
  private static func checkIssuer(_ issuer: String, _ root: JSONValue) throws(DocumentError) {
    let place = root["issuer"] ?? root
    guard let url = WebAddress(issuer), !issuer.hasSuffix("/"), !issuer.contains("?"), !issuer.contains("#") else {
      throw place.error("issuer wants a URL such as https://api.example.com, without a slash, query or fragment at the end")
    }
    guard url.isSecure || url.isLoopback else { throw place.error("issuer wants https; http is for loopback alone") }
  }
}

extension Configuration.Listen {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    host = try Configuration.listenHost(&reader, value) ?? host
    port = try reader.optionalInteger("port", in: 0...65_535) ?? port
    connectionsMaximum = try reader.optionalInteger("connectionsMaximum", in: 1...1_000_000) ?? connectionsMaximum
    bodyBytesMaximum = try reader.optionalInteger("bodyBytesMaximum", in: 1024...(64 << 20)) ?? bodyBytesMaximum
    headSecondsMaximum = try reader.optionalInteger("headSecondsMaximum", in: 1...600) ?? headSecondsMaximum
    bodySecondsMaximum = try reader.optionalInteger("bodySecondsMaximum", in: 1...600) ?? bodySecondsMaximum
    idleSecondsMaximum = try reader.optionalInteger("idleSecondsMaximum", in: 1...3600) ?? idleSecondsMaximum
    bytesPerSecondMinimum = try reader.optionalInteger("bytesPerSecondMinimum", in: 0...1_000_000) ?? bytesPerSecondMinimum
    tls = try reader.value("tls").map { value throws(DocumentError) in try TLSServerSettings(value, folder: folder) }
    try reader.finish()
  }

  var serverLimits: ServerLimits {
    var limits = ServerLimits()
    limits.connectionsMaximum = connectionsMaximum
    limits.bodyBytesMaximum = bodyBytesMaximum
    limits.headSecondsMaximum = headSecondsMaximum
    limits.bodySecondsMaximum = bodySecondsMaximum
    limits.idleSecondsMaximum = idleSecondsMaximum
    limits.bytesPerSecondMinimum = bytesPerSecondMinimum
    return limits
  }
}

extension Configuration.Admin {
  init(_ value: JSONValue, folder: String, tokenFile: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    self.tokenFile = try reader.optionalString("tokenFile").map { Files.path($0, in: folder) } ?? tokenFile
    host = try Configuration.listenHost(&reader, value) ?? host
    port = try reader.optionalInteger("port", in: 0...65_535) ?? port
    tls = try reader.value("tls").map { value throws(DocumentError) in try TLSServerSettings(value, folder: folder) }
    try reader.finish()
  }
}

extension Configuration.Outbound {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    caFile = try reader.optionalString("caFile").map { Files.path($0, in: folder) }
    for element in try reader.optionalArray("allowedRanges") ?? [] {
      guard let range = element.string.flatMap(AddressRange.init) else {
        throw element.error("allowedRanges wants addresses in CIDR form, such as 10.0.0.0/8 or ::1/128")
      }
      allowedRanges.append(range)
    }
    try reader.finish()
  }
}

extension Configuration.ConsentMaster {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    // Subscribers' numbers go there.
    address = try reader.confidentialAddress("url", of: value)
    guard !address.target.contains("?") else { throw (value["url"] ?? value).error("url wants an address without a query") }
    bearerTokenFile = try reader.optionalString("bearerTokenFile").map { Files.path($0, in: folder) }
    caFile = try reader.optionalString("caFile").map { Files.path($0, in: folder) }
    pushTokenFile = try reader.optionalString("pushTokenFile").map { Files.path($0, in: folder) }
    timeoutMilliseconds = try reader.optionalInteger("timeoutMilliseconds", in: 10...30_000) ?? timeoutMilliseconds
    requestsMaximum = try reader.optionalInteger("requestsMaximum", in: 1...10_000) ?? requestsMaximum
    rememberedSeconds = try reader.optionalInteger("rememberedSeconds", in: 0...3600) ?? rememberedSeconds
    overdueSeconds = try reader.optionalInteger("overdueSeconds", in: 0...86_400) ?? overdueSeconds
    try reader.finish()
  }
}

extension Configuration.Consent {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    lifetimeDays = try reader.optionalInteger("lifetimeDays", in: 1...3650) ?? lifetimeDays
    captureMinutes = try reader.optionalInteger("captureMinutes", in: 1...1440) ?? captureMinutes
    capturesPerDay = try reader.optionalInteger("capturesPerDay", in: 1...1000) ?? capturesPerDay
    if let element = reader.value("master") { master = try Configuration.ConsentMaster(element, folder: folder) }
    try reader.finish()
  }
}

extension DPoPSettings {
  init(_ value: JSONValue) throws(DocumentError) {
    self.init()
    var reader = try ObjectReader(value)
    if let name = try reader.optionalString("mode") {
      guard let mode = Mode(rawValue: name) else {
        throw (value["mode"] ?? value).error("mode wants \"off\", \"supported\" or \"required\"")
      }
      self.mode = mode
    }
    for name in try reader.optionalStrings("claims") ?? [] {
      guard let claim = DPoPProof.RequestClaims(name: name) else {
        throw (value["claims"] ?? value).error("claims wants \"camara:bh\" and \"camara:qh\", or one of them, or none")
      }
      demandedClaims.insert(claim)
    }
    proofsRemembered = try reader.optionalInteger("proofsRemembered", in: 1024...100_000_000) ?? proofsRemembered
    try reader.finish()
  }
}

extension Configuration.Seals {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    directory = try reader.optionalString("directory").map { Files.path($0, in: folder) }
    address = try reader.optionalConfidentialAddress("url", of: value)
    bearerTokenFile = try reader.optionalString("bearerTokenFile").map { Files.path($0, in: folder) }
    try reader.finish()
  }
}

extension Configuration.Ledger {
  init(_ value: JSONValue, folder: String) throws(DocumentError) {
    var reader = try ObjectReader(value)
    if let text = try reader.optionalString("durability") {
      guard let durability = LedgerOptions.Durability(rawValue: text) else {
        throw (value["durability"] ?? value).error("durability wants \"durable\", \"relaxed\", or on loopback \"none\"")
      }
      self.durability = durability
    }
    segmentBytesMaximum = try reader.optionalInteger("segmentBytesMaximum", in: 4096...(1 << 40)) ?? segmentBytesMaximum
    segmentSecondsMaximum =
      try reader.optionalInteger("segmentSecondsMaximum", in: 1...31_536_000) ?? segmentSecondsMaximum
    for element in try reader.optionalArray("streams") ?? [] {
      streams.append(try Configuration.Stream(element, folder: folder))
    }
    guard streams.count <= Configuration.Stream.countMaximum, Set(streams.map(\.name)).count == streams.count else {
      throw (value["streams"] ?? value).error("streams wants at most 8, each with a name of its own")
    }
    retentionDays = try reader.optionalInteger("retentionDays", in: 1...36_500)
    if let element = reader.value("seals") { seals = try Configuration.Seals(element, folder: folder) }
    try reader.finish()
  }
}

extension Configuration.Limits {
  init(_ value: JSONValue) throws(DocumentError) {
    var reader = try ObjectReader(value)
    tokensRemembered = try reader.optionalInteger("tokensRemembered", in: 2...10_000_000) ?? tokensRemembered
    consentsRemembered = try reader.optionalInteger("consentsRemembered", in: 2...10_000_000) ?? consentsRemembered
    unauthenticatedPerMinute =
      try reader.optionalInteger("unauthenticatedPerMinute", in: 0...10_000_000) ?? unauthenticatedPerMinute
    resourcesPerClient = try reader.optionalInteger("resourcesPerClient", in: 1...100_000_000) ?? resourcesPerClient
    try reader.finish()
  }
}

extension Admission.Settings {
  init(_ value: JSONValue) throws(DocumentError) {
    self.init()
    var reader = try ObjectReader(value)
    requestsMaximum = try reader.optionalInteger("requestsMaximum", in: 1...1_000_000) ?? requestsMaximum
    lagMillisecondsMaximum = try reader.optionalInteger("lagMillisecondsMaximum", in: 1...10_000) ?? lagMillisecondsMaximum
    try reader.finish()
  }
}
